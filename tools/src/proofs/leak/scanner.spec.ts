import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { FORMS, leakIn } from './forms.js';
import { Scanner } from './scanner.js';

describe('the leak scanner', () => {
  it.each(FORMS)('finds a value in the form %s wherever it stands', (form) => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 24, maxLength: 60 }),
        fc.nat(300),
        fc.nat(300),
        (bytes, before, after) => {
          const value = Buffer.from(bytes);
          const haystack = Buffer.concat([randomBytes(before), leakIn(form, value), randomBytes(after)]);
          const hits = new Scanner(new Map([['it', value]])).scan(haystack);
          return hits.some((hit) => hit.name === 'it');
        },
      ),
      { numRuns: 60 },
    );
  });

  it('tells many values apart and is silent about what is not there', () => {
    const values = new Map(Array.from({ length: 300 }, (_, index) => [`v${index}`, randomBytes(32)]));
    const scanner = new Scanner(values);
    expect(scanner.scan(randomBytes(1_000_000))).toEqual([]);
    const planted = values.get('v123') ?? Buffer.alloc(0);
    expect(scanner.scan(Buffer.concat([randomBytes(5_000), planted, randomBytes(5_000)]))).toEqual([
      { name: 'v123', form: 'raw' },
    ]);
  });

  it('refuses values so short that chance would find them', () => {
    expect(() => new Scanner(new Map([['short', Buffer.from('abc')]]))).toThrow(TypeError);
  });
});
