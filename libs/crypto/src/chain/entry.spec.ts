import { GENESIS_HASH, type JournalEntry } from '@keyfleet/contracts';
import { newId } from '@keyfleet/platform';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { canonicalJson } from './canonical.js';
import { canonicalEntry, chainEntry, sha256Hex } from './entry.js';

const json = fc.jsonValue({ maxDepth: 5 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);

describe('canonical JSON', () => {
  it('is what the reference implementation of RFC 8785 writes', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(canonicalJson(value)).toBe(canonicalize(value));
      }),
    );
  });

  it('does not depend on the order in which members were written', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.integer()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(turned)).toBe(canonicalJson(value));
      }),
    );
  });

  it('refuses what JSON cannot hold, and nesting that would exhaust the stack', () => {
    for (const value of [undefined, Number.NaN, Number.POSITIVE_INFINITY, '\ud800', { '\udc00': 1 }, () => 1])
      expect(() => canonicalJson(value)).toThrow(TypeError);
    const deep = JSON.parse('['.repeat(5_000) + ']'.repeat(5_000)) as unknown;
    expect(() => canonicalJson(deep)).toThrow(RangeError);
  });
});

describe('a journal entry', () => {
  const entry: Omit<JournalEntry, 'hash'> = {
    id: newId('evt'),
    orgId: newId('org'),
    agentId: newId('agt'),
    epoch: 1,
    seq: 7,
    type: 'SecretCreated',
    v: 1,
    at: '2026-01-01T00:00:00.000Z',
    data: { version: 1, path: 'team/ä', principal: 'app:billing' },
    prev: GENESIS_HASH,
  };

  it('is hashed over its canonical JSON without the hash', () => {
    expect(canonicalEntry(entry)).toBe(canonicalize(entry));
    expect(chainEntry(entry).hash).toBe(sha256Hex(canonicalize(entry) as string));
  });

  it('has another hash when anything in it is another', () => {
    const hashes = [
      entry,
      { ...entry, seq: 8 },
      { ...entry, epoch: 2 },
      { ...entry, v: 2 },
      { ...entry, prev: 'f'.repeat(64) },
      { ...entry, data: { ...entry.data, version: 2 } },
    ].map((one) => chainEntry(one).hash);
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});
