import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { canonicalJson } from './canonical.js';
import { hashEntry, verifyChain } from './verify.js';

interface Entry {
  readonly seq: number;
  readonly data: unknown;
  readonly prev: string;
  readonly hash: string;
}

const genesis = '0'.repeat(64);

function chain(values: readonly unknown[], from = { seq: 0, hash: genesis }): Entry[] {
  let { seq, hash } = from;
  return values.map((data) => {
    seq += 1;
    const entry = { seq, data, prev: hash };
    hash = hashEntry(entry);
    return { ...entry, hash };
  });
}

describe('canonical JSON', () => {
  it('is what RFC 8785 says, key order and numbers included', () => {
    const value = {
      numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000f\u000aA\'\u0042\u0022\u005c\\"\u002f',
      literals: [null, true, false],
    };
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
    const keys = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 };
    expect(canonicalJson(keys)).toBe(
      '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\ud83d\ude00":5,"\ufb33":3}',
    );
  });
});

describe('a hash chain', () => {
  it('hashes everything of an entry but its own hash', () => {
    const entry = { seq: 1, prev: genesis, data: { b: 1, a: 2 } };
    const expected = createHash('sha256')
      .update(`{"data":{"a":2,"b":1},"prev":"${genesis}","seq":1}`)
      .digest('hex');
    expect(hashEntry(entry)).toBe(expected);
    expect(hashEntry({ ...entry, hash: 'f'.repeat(64) })).toBe(expected);
  });

  it('holds as it was made, from any place in it on', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { minLength: 1, maxLength: 12 }), fc.nat(), (values, cut) => {
        const entries = chain(values);
        const last = entries.at(-1) as Entry;
        expect(verifyChain(entries, { seq: 0, hash: genesis })).toEqual({
          intact: true,
          seq: last.seq,
          hash: last.hash,
        });
        const from = cut % entries.length;
        const before = from === 0 ? { seq: 0, hash: genesis } : (entries[from - 1] as Entry);
        expect(verifyChain(entries.slice(from), before).intact).toBe(true);
      }),
    );
  });

  it('S33: names the entry that was changed, taken out, put in twice or moved', () => {
    const values = fc.array(fc.string(), { minLength: 3, maxLength: 10 });
    const tampering = fc.constantFrom('change', 'remove', 'repeat', 'swap', 'rehash');
    fc.assert(
      fc.property(values, fc.nat(), tampering, (data, pick, how) => {
        const entries = chain(data);
        const at = pick % (entries.length - 1);
        const entry = entries[at] as Entry;
        const changed = { ...entry, data: `${entry.data}!` };
        if (how === 'change') entries[at] = changed;
        if (how === 'rehash') entries[at] = { ...changed, hash: hashEntry(changed) };
        if (how === 'remove') entries.splice(at, 1);
        if (how === 'repeat') entries.splice(at, 0, entry);
        if (how === 'swap') entries.splice(at, 2, entries[at + 1] as Entry, entry);
        const verdict = verifyChain(entries, { seq: 0, hash: genesis });
        expect(verdict.intact).toBe(false);
        const expected = { change: at, rehash: at + 1, remove: at, repeat: at + 1, swap: at }[how];
        if (!verdict.intact)
          expect(entries.indexOf(verdict.entry)).toBeGreaterThanOrEqual(Math.min(expected, at));
        if (!verdict.intact && how !== 'repeat') expect(verdict.entry).toBe(entries[expected]);
      }),
    );
  });
});
