import fc from 'fast-check';
import { Cursors } from './cursor.js';

const cursors = new Cursors('k'.repeat(32));
const list = ['agents', 'org_a', 'state = online', 'name'];

describe('a cursor', () => {
  it('gives back the place it was made of, to the list it was made for', () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.string(), { nil: null }), { minLength: 1, maxLength: 4 }),
        (place) => {
          expect(cursors.decode(list, cursors.encode(list, place), place.length)).toEqual(place);
        },
      ),
    );
  });

  it('S9: is refused by another organisation, list, filter, order or key, and with another number of parts', () => {
    const cursor = cursors.encode(list, ['a', 'agt_1']);
    for (const [at, other] of ['groups', 'org_b', '', 'version'].entries())
      expect(() => cursors.decode(list.with(at, other), cursor, 2)).toThrow(
        expect.objectContaining({ code: 'cursor.invalid' }),
      );
    expect(() => cursors.decode([...list, ''], cursor, 2)).toThrow();
    expect(() => cursors.decode(list, cursor, 1)).toThrow();
    expect(() => new Cursors('x'.repeat(32)).decode(list, cursor, 2)).toThrow();
  });

  it('is refused with any of its characters changed, and so is any other text', () => {
    const cursor = cursors.encode(list, ['a', 'agt_1']);
    fc.assert(
      fc.property(
        fc.nat(cursor.length - 1),
        fc.constantFrom('A', 'b', '0', '_', '.', '='),
        (at, character) => {
          fc.pre(cursor[at] !== character);
          const changed = cursor.slice(0, at) + character + cursor.slice(at + 1);
          expect(() => cursors.decode(list, changed, 2)).toThrow(
            expect.objectContaining({ code: 'cursor.invalid' }),
          );
        },
      ),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => cursors.decode(list, text, 2)).toThrow(
          expect.objectContaining({ code: 'cursor.invalid' }),
        );
      }),
    );
  });

  it('wants a key worth the name', () => {
    expect(() => new Cursors('short')).toThrow(TypeError);
  });
});
