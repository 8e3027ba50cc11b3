import { ConcurrencyLimit } from './concurrency.js';

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe('a concurrency limit', () => {
  it('runs so many at once, lets so many wait, and refuses the rest', async () => {
    const limit = new ConcurrencyLimit({ running: 2, waiting: 1, refuse: () => new Error('full') });
    const gates = [gate(), gate(), gate()];
    let most = 0;
    const work = gates.map(({ opened }) =>
      limit.run(async () => {
        most = Math.max(most, limit.running);
        await opened;
      }),
    );
    await expect(limit.run(async () => {})).rejects.toThrow('full');
    for (const { open } of gates) open();
    await Promise.all(work);
    expect(most).toBe(2);
    expect(limit.running).toBe(0);
  });

  it('gives a place back when the work fails', async () => {
    const limit = new ConcurrencyLimit({ running: 1, waiting: 0, refuse: () => new Error('full') });
    await expect(limit.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    await expect(limit.run(async () => 'fine')).resolves.toBe('fine');
  });
});
