import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  /** Given up after this long; generous, because it is only reached when the test fails. Default 15 s. */
  readonly ceilingMs?: number;
  /** Said in the message when it never came true. */
  readonly what?: string;
}

/** Polls until the predicate gives something truthy, and resolves with that. A predicate that throws counts as not yet. */
export async function waitFor<T>(
  predicate: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Exclude<T, null | undefined | false | 0 | ''>> {
  const ceiling = options.ceilingMs ?? 15_000;
  const until = performance.now() + ceiling;
  let last: unknown;
  for (let pause = 2; ; pause = Math.min(pause * 1.5, 100)) {
    try {
      const value = await predicate();
      if (value) return value as Exclude<T, null | undefined | false | 0 | ''>;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > until)
      throw new Error(`${options.what ?? 'The condition'} did not come true within ${ceiling} ms.`, {
        cause: last,
      });
    await delay(pause);
  }
}
