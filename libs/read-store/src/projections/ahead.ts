import { pause } from './pause.js';

export interface AheadOptions {
  readonly signal: AbortSignal;
  /** How long the end waits for the read that is then under way; 2 s by default. */
  readonly endsWithinMs?: number;
}

/**
 * Asks for the next batch while this one is worked on: the server reads while it writes. One batch is held, no more.
 * The source ends by the signal it is opened with, which is aborted too where whoever takes the batches stops early; the
 * read ahead is over then, so that a process that ends has nothing of it under way.
 */
export async function* oneAhead<T>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  { signal, endsWithinMs = 2_000 }: AheadOptions,
): AsyncGenerator<T> {
  const stop = new AbortController();
  const iterator = open(AbortSignal.any([signal, stop.signal]))[Symbol.asyncIterator]();
  let next = ask(iterator);
  try {
    for (;;) {
      const { done, value } = await next;
      if (done) return;
      next = ask(iterator);
      yield value;
    }
  } finally {
    stop.abort();
    await orAfter(endsWithinMs, next);
  }
}

/** A failure is told to whoever takes the batch; until then nobody listens. */
function ask<T>(iterator: AsyncIterator<T>): Promise<IteratorResult<T>> {
  const asked = iterator.next();
  asked.catch(() => undefined);
  return asked;
}

async function orAfter(ms: number, work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  await Promise.race([work.catch(() => undefined), pause(ms, over.signal)]);
  over.abort();
}
