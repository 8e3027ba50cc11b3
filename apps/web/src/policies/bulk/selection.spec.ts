import fc from 'fast-check';
import { allToggled, chosenOf, toggled } from './selection';

const rows = (ids: readonly string[]) => ids.map((id) => ({ id }));

describe('the policies that are chosen', () => {
  it('are those on screen only, in the order of the list', () => {
    const chosen = new Set(['c', 'gone', 'a']);
    expect(chosenOf(rows(['a', 'b', 'c']), chosen).map(({ id }) => id)).toEqual(['a', 'c']);
  });

  it('are chosen and left one by one', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string()), fc.string(), (ids, one) => {
        const chosen = new Set(ids);
        expect(toggled(chosen, one).has(one)).toBe(!chosen.has(one));
        expect(toggled(toggled(chosen, one), one)).toEqual(chosen);
      }),
    );
  });

  it('are all at once, and none once all are', () => {
    const shown = rows(['a', 'b']);
    expect(allToggled(shown, new Set())).toEqual(new Set(['a', 'b']));
    expect(allToggled(shown, new Set(['b', 'gone']))).toEqual(new Set(['a', 'b']));
    expect(allToggled(shown, new Set(['a', 'b', 'gone']))).toEqual(new Set());
  });
});
