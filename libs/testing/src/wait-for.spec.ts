import { TestClock } from './test-clock.js';
import { waitFor } from './wait-for.js';

describe('waitFor', () => {
  it('gives what the predicate at last gave, throws of the meantime forgotten', async () => {
    let calls = 0;
    const value = await waitFor(() => {
      calls += 1;
      if (calls === 1) throw new Error('not there');
      return calls > 3 ? 'here' : undefined;
    });
    expect(value).toBe('here');
  });

  it('says what did not come true, with the last error as its cause', async () => {
    const waiting = waitFor(() => Promise.reject(new Error('refused')), { ceilingMs: 30, what: 'the port' });
    await expect(waiting).rejects.toThrow('the port did not come true within 30 ms.');
    await expect(waiting).rejects.toMatchObject({ cause: { message: 'refused' } });
  });
});

describe('TestClock', () => {
  it('moves both clocks on, and only the wall clock when it is set', () => {
    const clock = new TestClock('2026-03-01T00:00:00Z');
    clock.advance(5_000);
    clock.jumpTo('2020-01-01T00:00:00Z');
    expect([clock.now(), clock.monotonic()]).toEqual([Date.parse('2020-01-01T00:00:00Z'), 5_000]);
    expect(() => clock.advance(-1)).toThrow(/forward/);
  });
});
