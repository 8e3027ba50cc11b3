/**
 * Asks for the next batch while this one is worked on: the server reads while it writes. One batch is held, no more.
 * Whoever stops early must end the source by its signal: it may be waiting for events that never come.
 */
export async function* oneAhead<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  let next = ask(iterator);
  for (;;) {
    const { done, value } = await next;
    if (done) return;
    next = ask(iterator);
    yield value;
  }
}

/** A failure is told to whoever takes the batch; until then nobody listens. */
function ask<T>(iterator: AsyncIterator<T>): Promise<IteratorResult<T>> {
  const asked = iterator.next();
  asked.catch(() => undefined);
  return asked;
}
