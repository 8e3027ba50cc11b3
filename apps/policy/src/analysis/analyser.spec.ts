import type { PolicyStatement } from '@keyfleet/contracts';
import type { PolicySource } from '@keyfleet/policy-engine';
import { FROM_SOURCES } from '../testing/stage.js';
import { Analyser } from './analyser.js';
import type { CheckTask } from './check.js';

jest.setTimeout(60_000);

const made: Analyser[] = [];
function analyser(options: { readonly waiting?: number; readonly deadlineMs?: number } = {}): Analyser {
  const one = new Analyser({ waiting: 0, deadlineMs: 30_000, execArgv: FROM_SOURCES, ...options });
  made.push(one);
  return one;
}
afterEach(() => Promise.all(made.splice(0).map((one) => one.close())));

const statement: PolicyStatement = {
  ...{ id: 'one', effect: 'allow', principals: ['app:a'], actions: ['read'], resources: ['a/**'] },
};
const content = { document: { statements: [statement] } };
const read = { kind: 'read', content } as const;

/** Takes seconds: each of them may meet each other. */
function costly(): CheckTask {
  const statements = Array.from({ length: 3_000 }, (_, n) => ({
    ...{ id: `s${n}`, effect: n % 2 === 0 ? 'allow' : 'deny', principals: ['*'], actions: ['*'] },
    resources: [`a*${n}*/**`],
    condition: `principal.startsWith("app:${n}") || secondFactor && client.contains("${n}")`,
  })) as unknown as PolicySource['statements'];
  const others = [{ policyId: 'pol_other', version: 1, statements }];
  return { kind: 'check', content, policyId: 'draft', version: 1, others, now: 0 };
}

describe('looking at policies', () => {
  it('leaves the one who answers free, and works on one thing at a time', async () => {
    const busy = analyser({ deadlineMs: 2_000 });
    const first = busy
      .run((ask) => ask(costly()))
      .then(
        () => 'done',
        (error: { code: string }) => error.code,
      );
    let ticks = 0;
    const ticking = setInterval(() => void (ticks += 1), 5);
    await expect(busy.run((ask) => ask(read))).rejects.toMatchObject({
      code: 'rate.limited',
      details: { retryAfterMs: expect.any(Number) },
    });
    expect(await first).toBe('request.too-large');
    clearInterval(ticking);
    expect(ticks).toBeGreaterThan(20);
    await expect(busy.run((ask) => ask(read))).resolves.toMatchObject({ problems: [] });
  });

  it('goes on in a new thread after one that was lost', async () => {
    const one = analyser({ waiting: 1 });
    await expect(one.run((ask) => ask({ kind: 'replay-end' }))).rejects.toThrow('no replay was begun');
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const waiting = one.run((ask) => {
      const asked = ask(costly());
      begin();
      return asked;
    });
    const lost = expect(waiting).rejects.toMatchObject({ code: 'service.unavailable' });
    await begun;
    await one.close();
    await lost;
    await expect(one.run((ask) => ask(read))).resolves.toMatchObject({ problems: [] });
  });

  it('lets nothing more be done with a thread after its time', async () => {
    const one = analyser({ deadlineMs: 300 });
    const again = one.run(async (ask) => {
      await ask(costly()).catch(() => undefined);
      return ask(read);
    });
    await expect(again).rejects.toMatchObject({ code: 'request.too-large' });
  });
});
