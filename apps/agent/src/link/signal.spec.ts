import { Signal } from './signal.js';

describe('a signal', () => {
  const never = new AbortController().signal;

  it('is not missed when it was set between looking and waiting', async () => {
    const signal = new Signal();
    const { count } = signal;
    signal.set();
    await signal.after(count, never);
  });

  it('wakes everybody who waits, once', async () => {
    const signal = new Signal();
    const waiting = [signal.after(signal.count, never), signal.after(signal.count, never)];
    signal.set();
    await Promise.all(waiting);
    const ending = new AbortController();
    const again = signal.after(signal.count, ending.signal);
    ending.abort();
    await again;
  });
});
