import { createAccount, createOperator, createUser, fromPublic, fromSeed } from '@nats-io/nkeys';
import fc from 'fast-check';
import { newNkeySeed, nkeyPublicKey, nkeySigner, verifyNkeySignature } from './signature.js';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

describe('NKey signatures', () => {
  it('agree with the NKey library in both directions', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const pair = createUser();
        const signer = nkeySigner(Buffer.from(pair.getSeed()).toString());
        expect(signer.nkey).toBe(pair.getPublicKey());
        const ours = signer.sign(text);
        expect(fromPublic(signer.nkey).verify(Buffer.from(text), Buffer.from(ours, 'base64url'))).toBe(true);
        const theirs = Buffer.from(pair.sign(Buffer.from(text))).toString('base64url');
        expect(verifyNkeySignature(signer.nkey, text, theirs)).toBe(true);
        expect(verifyNkeySignature(signer.nkey, `${text}.`, theirs)).toBe(false);
      }),
      { numRuns: 10 },
    );
  });

  it('come from seeds the library reads as we do', () => {
    const seed = newNkeySeed();
    expect(seed).toMatch(/^SU[A-Z2-7]{56}$/);
    expect(fromSeed(Buffer.from(seed)).getPublicKey()).toBe(nkeySigner(seed).nkey);
    expect(newNkeySeed()).not.toBe(seed);
    const operator = Buffer.from(createOperator().getSeed()).toString();
    for (const bad of [
      '',
      seed.slice(0, -1),
      // The last letter has bits that stand for nothing: these are two that differ in them alone, and in others.
      ...[1, 4].map((off) => `${seed.slice(0, -1)}${LETTERS[LETTERS.indexOf(seed.at(-1) ?? '') ^ off]}`),
      operator,
    ])
      expect(() => nkeySigner(bad)).toThrow(TypeError);
  });

  it('are read of an account where one is asked for', () => {
    const account = createAccount();
    const key = nkeyPublicKey(account.getPublicKey(), 'account');
    const signature = Buffer.from(account.sign(Buffer.from('x'))).toString('base64url');
    expect(verifyNkeySignature(key, 'x', signature)).toBe(true);
    expect(verifyNkeySignature(key, 'y', signature)).toBe(false);
    expect(() => nkeyPublicKey(account.getPublicKey())).toThrow(TypeError);
    expect(() => nkeyPublicKey(createUser().getPublicKey(), 'account')).toThrow(TypeError);
  });

  it('are of users only, with a right checksum', () => {
    const user = createUser().getPublicKey();
    expect(nkeyPublicKey(user).asymmetricKeyType).toBe('ed25519');
    expect(() => nkeyPublicKey(createOperator().getPublicKey())).toThrow(TypeError);
    const other = user.at(-1) === 'A' ? 'B' : 'A';
    expect(() => nkeyPublicKey(user.slice(0, -1) + other)).toThrow(TypeError);
    expect(() => nkeyPublicKey('')).toThrow(TypeError);
  });

  it('of any other length are refused without a look', () => {
    const signer = nkeySigner(Buffer.from(createUser().getSeed()).toString());
    const good = signer.sign('x');
    for (const bad of ['', 'AAAA', good.slice(0, -2), `${good}AA`])
      expect(verifyNkeySignature(signer.nkey, 'x', bad)).toBe(false);
  });
});
