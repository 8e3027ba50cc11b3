import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { oneAhead } from './ahead.js';

/** Numbers from 1 on; `state.given` is the last that was asked for. */
async function* numbers(state: { given: number }, end = Number.POSITIVE_INFINITY): AsyncGenerator<number> {
  while (state.given < end) {
    state.given += 1;
    yield state.given;
  }
}

async function settled(): Promise<void> {
  for (let n = 0; n < 10; n += 1) await setImmediate();
}

const { signal } = new AbortController();

describe('reading one batch ahead', () => {
  it('F20: asks for one while one is worked on, and for no more however long that takes', async () => {
    const state = { given: 0 };
    let taken = 0;
    for await (const number of oneAhead(() => numbers(state), { signal })) {
      taken += 1;
      expect(number).toBe(taken);
      await settled();
      expect(state.given).toBe(taken + 1);
      if (taken === 5) break;
    }
  });

  it('gives everything, in order, and ends with its source', async () => {
    const all: number[] = [];
    for await (const number of oneAhead(() => numbers({ given: 0 }, 4), { signal })) all.push(number);
    expect(all).toEqual([1, 2, 3, 4]);
  });

  it('tells a failure of its source where the batch would be taken, and nowhere else', async () => {
    async function* failing(): AsyncGenerator<number> {
      yield 1;
      throw new Error('gone');
    }
    const all: number[] = [];
    const take = async (): Promise<void> => {
      for await (const number of oneAhead(failing, { signal })) {
        all.push(number);
        await settled();
      }
    };
    await expect(take()).rejects.toThrow('gone');
    expect(all).toEqual([1]);
  });

  it.each(['breaks off', 'fails'])(
    'whoever %s has the read ahead ended, and goes when it is over',
    async (how) => {
      let isOver = false;
      async function* slow(stop: AbortSignal): AsyncGenerator<number> {
        yield 1;
        await once(stop, 'abort');
        await settled();
        isOver = true;
      }
      const take = async (): Promise<void> => {
        for await (const _ of oneAhead(slow, { signal })) {
          if (how === 'fails') throw new Error('no room');
          break;
        }
      };
      await (how === 'fails' ? expect(take()).rejects.toThrow('no room') : take());
      expect(isOver).toBe(true);
    },
  );

  it('is not held up for long by a source that does not end by its signal', async () => {
    async function* stuck(): AsyncGenerator<number> {
      yield 1;
      await new Promise(() => {});
    }
    for await (const _ of oneAhead(stuck, { signal, endsWithinMs: 10 })) break;
  });
});
