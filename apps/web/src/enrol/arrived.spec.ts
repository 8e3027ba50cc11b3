import { comparisons, parseFilter, timestamp } from '@keyfleet/contracts';
import { arrivedWith } from './arrived';

describe('who came with a token', () => {
  it('repro-waiting-for-ever: is asked of the server, by its own clock', () => {
    const filter = arrivedWith({ expiresAt: '2026-01-31T12:15:00.250Z' }, 900);
    const [only, ...others] = comparisons(parseFilter(filter));
    expect(only).toMatchObject({ field: 'enrolledAt', comparator: '>=', value: '2026-01-31T12:00:00.250Z' });
    expect(others).toEqual([]);
    expect(timestamp.safeParse(only?.value).success).toBe(true);
  });
});
