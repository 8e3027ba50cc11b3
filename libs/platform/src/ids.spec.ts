import { isId } from '@keyfleet/kernel';
import { newId } from './ids.js';

describe('newId', () => {
  const ids = Array.from({ length: 20_000 }, () => newId('evt'));

  it('makes identifiers of the form every boundary asks for, each once', () => {
    expect(ids.every((id) => isId('evt', id))).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('makes them sort in the order they were made, also many in a millisecond and when the clock is put back', () => {
    const before = newId('evt');
    const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.now() - 3_600_000);
    const after = newId('evt');
    clock.mockRestore();
    expect([...ids].sort()).toEqual(ids);
    expect(after > before).toBe(true);
  });

  it('gives no two of them the same random tail', () => {
    expect(new Set(ids.map((id) => id.slice(-8))).size).toBeGreaterThan(ids.length - 10);
  });
});
