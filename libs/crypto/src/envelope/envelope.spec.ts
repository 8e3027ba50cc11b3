import { createHash, createHmac, randomBytes } from 'node:crypto';
import { isKeyfleetError } from '@keyfleet/kernel';
import fc from 'fast-check';
import { type EnvelopeContext, encodeContext } from './context.js';
import { ENVELOPE_OVERHEAD_BYTES, openEnvelope, sealEnvelope } from './envelope.js';
import { encryptGcm, hkdfSha256 } from './primitives.js';

const key = Buffer.alloc(32, 7);
const context: EnvelopeContext = {
  purpose: 'secret',
  vault: 'vault-a',
  id: 'sec_1',
  name: 'team/app/db-password',
  version: 3,
  keyId: 'key-1',
};

/** Made once with the salt 00…1f, key 07…07 and the context above. */
const GOLDEN =
  'e8ce52e2460f9e3a39375cce9b9c2ad7303087955f8ba7840e92503566649a2bb7a25a16b1c548a6311bcfe7ed7865b0731e86ca0a3dc57c8418ac9aad';

/** The fault an opening was refused with; `undefined` where it opened. */
function fault(open: () => Buffer): unknown {
  try {
    open();
    return undefined;
  } catch (error) {
    if (!isKeyfleetError(error, 'vault.integrity')) throw error;
    return error.details.extensions?.['fault'];
  }
}

describe('an envelope', () => {
  it('gives back any content, and tells nothing of it but its length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4_096 }), (bytes) => {
        const content = Buffer.from(bytes);
        const envelope = sealEnvelope(key, content, context);
        expect(envelope.length).toBe(content.length + ENVELOPE_OVERHEAD_BYTES);
        if (content.length >= 8) expect(envelope.includes(content)).toBe(false);
        expect(openEnvelope(key, envelope, context).equals(content)).toBe(true);
      }),
    );
  });

  it('opens in years to come: its format is fixed', () => {
    const envelope = Buffer.from(
      '0101000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f' + GOLDEN,
      'hex',
    );
    expect(openEnvelope(key, envelope, context).toString()).toBe('correct horse');
  });

  it('is what its description says, computed here by hand from the primitives alone', () => {
    const envelope = sealEnvelope(key, Buffer.from('correct horse'), context);
    const salt = envelope.subarray(2, 34);
    const header = Buffer.from([1, 1]);
    const fields = ['secret', 'vault-a', 'sec_1', 'team/app/db-password', '3', 'key-1'];
    const aad = Buffer.concat([
      header,
      ...fields.flatMap((field) => {
        const length = Buffer.alloc(4);
        length.writeUInt32BE(Buffer.byteLength(field));
        return [length, Buffer.from(field)];
      }),
    ]);
    const info = Buffer.concat([Buffer.from('keyfleet.envelope'), aad]);
    const extracted = createHmac('sha256', salt).update(key).digest();
    let block = Buffer.alloc(0);
    let expanded = Buffer.alloc(0);
    for (let counter = 1; expanded.length < 76; counter += 1) {
      block = createHmac('sha256', extracted)
        .update(block)
        .update(info)
        .update(Buffer.from([counter]))
        .digest();
      expanded = Buffer.concat([expanded, block]);
    }
    const { ciphertext, tag } = encryptGcm(
      { key: expanded.subarray(0, 32), nonce: expanded.subarray(32, 44), aad },
      Buffer.from('correct horse'),
    );
    const byHand = Buffer.concat([header, salt, expanded.subarray(44, 76), ciphertext, tag]);
    expect(envelope.toString('hex')).toBe(byHand.toString('hex'));
  });

  it('S29: is refused with any single bit flipped, in any of its parts', () => {
    const envelope = sealEnvelope(key, Buffer.from('correct horse battery staple'), context);
    const faults = new Map<unknown, number>();
    for (let bit = 0; bit < envelope.length * 8; bit += 1) {
      const changed = Buffer.from(envelope);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const found = fault(() => openEnvelope(key, changed, context));
      faults.set(found, (faults.get(found) ?? 0) + 1);
    }
    const content = 28;
    expect(Object.fromEntries(faults)).toEqual({
      malformed: 2 * 8,
      'wrong-key-or-context': (32 + 32) * 8,
      tampered: (content + 16) * 8,
    });
  });

  it('S29: is refused when it was cut short or made longer anywhere', () => {
    const envelope = sealEnvelope(key, Buffer.from('correct horse'), context);
    for (let length = 0; length < envelope.length; length += 1)
      expect(fault(() => openEnvelope(key, envelope.subarray(0, length), context))).toBeDefined();
    for (const cut of [4, 8, 12]) {
      const shortTag = envelope.subarray(0, envelope.length - 16 + cut);
      expect(fault(() => openEnvelope(key, shortTag, context))).toBe('tampered');
    }
    expect(fault(() => openEnvelope(key, Buffer.concat([envelope, Buffer.alloc(1)]), context))).toBe(
      'tampered',
    );
  });

  it('S26: opens only in the place it was made for: every swap of a set is refused', () => {
    const places: EnvelopeContext[] = [];
    for (const vault of ['vault-a', 'vault-b'])
      for (const [id, name] of [
        ['sec_1', 'team/a'],
        ['sec_2', 'team/b'],
        // Deleted and made again under the same name.
        ['sec_3', 'team/a'],
      ] as const)
        for (const version of [1, 2])
          for (const purpose of ['secret', 'key.data'])
            for (const keyId of ['key-1', 'key-2']) places.push({ purpose, vault, id, name, version, keyId });
    const envelopes = places.map((place) => sealEnvelope(key, Buffer.from(JSON.stringify(place)), place));
    let opened = 0;
    for (const [made, envelope] of envelopes.entries()) {
      for (const [tried, place] of places.entries()) {
        const found = fault(() => openEnvelope(key, envelope, place));
        expect(found).toBe(made === tried ? undefined : 'wrong-key-or-context');
        if (found === undefined) opened += 1;
      }
    }
    expect(opened).toBe(places.length);
  });

  it('S26: no two contexts are ever encoded alike, wherever the borders of their fields lie', () => {
    const field = fc.string({ unit: fc.constantFrom('a', '1', '/', '\u0000'), maxLength: 3 });
    const anyContext = fc.record({
      purpose: field,
      vault: field,
      id: field,
      name: field,
      version: fc.integer({ min: 0, max: 12 }),
      keyId: field,
    });
    fc.assert(
      fc.property(anyContext, anyContext, (one, other) => {
        const same = encodeContext(Buffer.from([1]), one).equals(encodeContext(Buffer.from([1]), other));
        expect(same).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
      { numRuns: 2_000 },
    );
  });

  it('S28: opens under one key: another key fails at the commitment, before anything is decrypted', () => {
    const envelope = sealEnvelope(key, Buffer.from('correct horse'), context);
    expect(fault(() => openEnvelope(randomBytes(32), envelope, context))).toBe('wrong-key-or-context');
  });

  it('S28: a ciphertext whose tag holds under two keys is refused under the second', () => {
    // Made the strong way: somebody who knows both keys computes a valid body for the second key and puts it behind
    // the salt and commitment of the first. Without the commitment both would open.
    const other = Buffer.alloc(32, 9);
    const envelope = sealEnvelope(key, Buffer.from('seen by the first'), context);
    const salt = envelope.subarray(2, 34);
    const aad = encodeContext(Buffer.from([1, 1]), context);
    const info = Buffer.concat([Buffer.from('keyfleet.envelope'), aad]);
    const derived = hkdfSha256(other, salt, info, 76);
    const forged = encryptGcm(
      { key: derived.subarray(0, 32), nonce: derived.subarray(32, 44), aad },
      Buffer.from('seen by the other'),
    );
    const crafted = Buffer.concat([envelope.subarray(0, 66), forged.ciphertext, forged.tag]);
    expect(fault(() => openEnvelope(other, crafted, context))).toBe('wrong-key-or-context');
    expect(fault(() => openEnvelope(key, crafted, context))).toBe('tampered');
  });

  it('S27: no two of many messages under one key share a message key or nonce', () => {
    const seen = new Set<string>();
    const messages = 20_000;
    for (let n = 0; n < messages; n += 1) {
      const salt = sealEnvelope(key, Buffer.alloc(0), context).subarray(2, 34);
      seen.add(
        createHash('sha256')
          .update(hkdfSha256(key, salt, Buffer.from('x'), 44))
          .digest('base64'),
      );
    }
    expect(seen.size).toBe(messages);
  });

  it('takes keys of 32 bytes only', () => {
    expect(() => sealEnvelope(Buffer.alloc(16), Buffer.from('x'), context)).toThrow(RangeError);
  });

  it('S31: leaves the key and the content as they were, for their owner to wipe', () => {
    const content = Buffer.from('correct horse');
    const mine = Buffer.from(key);
    openEnvelope(mine, sealEnvelope(mine, content, context), context).fill(0);
    expect(mine.equals(key)).toBe(true);
    expect(content.toString()).toBe('correct horse');
  });
});
