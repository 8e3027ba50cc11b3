import { createPublicKey, verify } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { keyedHash } from '../hash/keyed.js';
import { decryptGcm, encryptGcm, hkdfSha256 } from './primitives.js';

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex');

function verifyEd25519(publicKey: string, message: string, signature: string): boolean {
  const x = hex(publicKey).toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return verify(null, hex(message), key, hex(signature));
}

describe('known answers', () => {
  it.each([
    // NIST (McGrew and Viega), AES-256 test cases 13 to 16.
    ['00'.repeat(32), '00'.repeat(12), '', '', '', '530f8afbc74536b9a963b4f1c4cb738b'],
    [
      '00'.repeat(32),
      '00'.repeat(12),
      '',
      '00'.repeat(16),
      'cea7403d4d606b6e074ec5d3baf39d18',
      'd0d1c8a799996bf0265b98b5d48ab919',
    ],
    [
      'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
      'cafebabefacedbaddecaf888',
      '',
      `d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
       1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255`,
      `522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
       8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad`,
      'b094dac5d93471bdec1a502270e3cc6c',
    ],
    [
      'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
      'cafebabefacedbaddecaf888',
      'feedfacedeadbeeffeedfacedeadbeefabaddad2',
      `d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
       1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39`,
      `522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
       8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662`,
      '76fc6ece0f4e1768cddf8853bb2d551b',
    ],
  ])('AES-256-GCM: NIST key %s, nonce %s', (key, nonce, aad, plain, ciphertext, tag) => {
    const under = { key: hex(key), nonce: hex(nonce), aad: hex(aad) };
    const sealed = encryptGcm(under, hex(plain));
    expect(sealed.ciphertext.toString('hex')).toBe(hex(ciphertext).toString('hex'));
    expect(sealed.tag.toString('hex')).toBe(tag);
    expect(decryptGcm(under, sealed.ciphertext, sealed.tag)?.toString('hex')).toBe(
      hex(plain).toString('hex'),
    );
  });

  it.each([
    // RFC 5869, A.1 to A.3.
    [
      '0b'.repeat(22),
      '000102030405060708090a0b0c',
      'f0f1f2f3f4f5f6f7f8f9',
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    ],
    [
      Array.from({ length: 80 }, (_, n) => n.toString(16).padStart(2, '0')).join(''),
      Array.from({ length: 80 }, (_, n) => (0x60 + n).toString(16)).join(''),
      Array.from({ length: 80 }, (_, n) => (0xb0 + n).toString(16)).join(''),
      `b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09
       da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87`,
    ],
    [
      '0b'.repeat(22),
      '',
      '',
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    ],
  ])('HKDF-SHA256: RFC 5869, key %s', (key, salt, info, expected) => {
    const out = hkdfSha256(hex(key), hex(salt), hex(info), hex(expected).length);
    expect(out.toString('hex')).toBe(hex(expected).toString('hex'));
  });

  it.each([
    // RFC 4231, cases 1, 2 and 6.
    ['0b'.repeat(20), 'Hi There', 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
    [
      '4a656665',
      'what do ya want for nothing?',
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    [
      'aa'.repeat(131),
      'Test Using Larger Than Block-Size Key - Hash Key First',
      '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    ],
  ])('HMAC-SHA256: RFC 4231, key %s', (key, message, expected) => {
    expect(keyedHash(hex(key), message)).toBe(expected);
  });

  it('Ed25519: RFC 8032, test 2', () => {
    const publicKey = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c';
    const signature = `92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
                       085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00`;
    expect(verifyEd25519(publicKey, '72', signature)).toBe(true);
    expect(verifyEd25519(publicKey, '73', signature)).toBe(false);
  });
});

it('S29: tags of 4, 8 and 12 bytes are refused, even where they are the start of the right one', () => {
  const under = { key: Buffer.alloc(32, 1), nonce: Buffer.alloc(12, 2), aad: Buffer.from('place') };
  const { ciphertext, tag } = encryptGcm(under, Buffer.from('correct horse'));
  for (const length of [0, 4, 8, 12, 15])
    expect(decryptGcm(under, ciphertext, tag.subarray(0, length))).toBeUndefined();
  expect(decryptGcm(under, ciphertext, Buffer.concat([tag, tag]))).toBeUndefined();
  expect(decryptGcm(under, ciphertext, tag)?.toString()).toBe('correct horse');
});

/**
 * Project Wycheproof's cases (C2SP/wycheproof) are read where they lie, in KEYFLEET_WYCHEPROOF or beside the checkout;
 * they are no part of the project. The known answers above stand without them.
 */
const vectors = process.env.KEYFLEET_WYCHEPROOF ?? resolve(process.cwd(), '../shared/vectors/wycheproof');

interface Group<Test> {
  readonly tests: (Test & { tcId: number; comment: string; result: 'valid' | 'invalid' | 'acceptable' })[];
  readonly [parameter: string]: unknown;
}

function load<Test>(name: string): Group<Test>[] {
  return JSON.parse(readFileSync(join(vectors, name), 'utf8')).testGroups;
}

type Hex<Names extends string> = Record<Names, string>;

if (existsSync(vectors))
  describe('Wycheproof', () => {
    it('AES-256-GCM: every case with the sizes we use', () => {
      let checked = 0;
      for (const group of load<Hex<'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag'>>('aes_gcm_test.json')) {
        if (group['keySize'] !== 256 || group['ivSize'] !== 96 || group['tagSize'] !== 128) continue;
        for (const test of group.tests) {
          const under = { key: hex(test.key), nonce: hex(test.iv), aad: hex(test.aad) };
          const opened = decryptGcm(under, hex(test.ct), hex(test.tag))?.toString('hex');
          expect([test.tcId, opened]).toEqual([test.tcId, test.result === 'valid' ? test.msg : undefined]);
          if (test.result !== 'valid') continue;
          const sealed = encryptGcm(under, hex(test.msg));
          expect(sealed.ciphertext.toString('hex') + sealed.tag.toString('hex')).toBe(test.ct + test.tag);
          checked += 1;
        }
      }
      expect(checked).toBeGreaterThan(20);
    });

    it('HKDF-SHA256: every case', () => {
      let checked = 0;
      for (const group of load<Hex<'ikm' | 'salt' | 'info' | 'okm'> & { size: number }>(
        'hkdf_sha256_test.json',
      ))
        for (const test of group.tests) {
          const derive = () => hkdfSha256(hex(test.ikm), hex(test.salt), hex(test.info), test.size);
          if (test.result === 'valid')
            expect([test.tcId, derive().toString('hex')]).toEqual([test.tcId, test.okm]);
          else expect(derive).toThrow();
          checked += 1;
        }
      expect(checked).toBeGreaterThan(80);
    });

    it('HMAC-SHA256: every case with whole tags', () => {
      let checked = 0;
      for (const group of load<Hex<'key' | 'msg' | 'tag'>>('hmac_sha256_test.json')) {
        if (group['tagSize'] !== 256) continue;
        for (const test of group.tests) {
          const same = keyedHash(hex(test.key), hex(test.msg)) === test.tag;
          expect([test.tcId, same]).toEqual([test.tcId, test.result === 'valid']);
          checked += 1;
        }
      }
      expect(checked).toBeGreaterThan(80);
    });

    it('Ed25519: every case', () => {
      let checked = 0;
      for (const group of load<Hex<'msg' | 'sig'>>('ed25519_test.json')) {
        const { pk } = group['publicKey'] as { pk: string };
        for (const test of group.tests) {
          const valid = verifyEd25519(pk, test.msg, test.sig);
          expect([test.tcId, valid]).toEqual([test.tcId, test.result === 'valid']);
          checked += 1;
        }
      }
      expect(checked).toBeGreaterThan(140);
    });
  });
