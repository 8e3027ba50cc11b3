import { isIP } from 'node:net';
import fc from 'fast-check';
import { ipVersion } from './ip-version.js';

const pieces = fc.constantFrom(
  ...['0', '1', '9', '10', '99', '100', '199', '249', '255', '256', '01', 'a', 'F', 'ffff', '12345', 'g', ''],
  ...['.', ':', '::', '1.2.3.4', '%', '/8', ' '],
);

describe('which version an address is of', () => {
  it('is what Node says, for addresses of all kinds', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.ipV4Extended()), (text) => {
        expect(ipVersion(text)).toBe(isIP(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it('is what Node says, for what only looks like one', () => {
    const joined = fc.array(pieces, { minLength: 1, maxLength: 17 }).map((all) => all.join(''));
    const groups = fc.array(pieces, { minLength: 1, maxLength: 9 }).map((all) => all.join(':'));
    const dotted = fc.array(pieces, { minLength: 3, maxLength: 5 }).map((all) => all.join('.'));
    fc.assert(
      fc.property(fc.oneof(joined, groups, dotted), (text) => {
        // Zones of interfaces are cut off before anybody asks.
        fc.pre(!text.includes('%'));
        expect(ipVersion(text)).toBe(isIP(text));
      }),
      { numRuns: 20_000 },
    );
  });
});
