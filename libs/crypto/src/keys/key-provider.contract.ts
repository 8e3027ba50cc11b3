import { randomBytes } from 'node:crypto';
import { isKeyfleetError } from '@keyfleet/kernel';
import type { KeyContext, KeyProvider } from './provider.js';

export interface KeyProviderSubject {
  /** Opens the master key this subject stands for; every call gives the same master key. */
  open(): Promise<KeyProvider>;
  /** A provider of the same kind with another master key. */
  openOther(): Promise<KeyProvider>;
}

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return isKeyfleetError(error) ? error.code : 'another error';
  }
}

/** What every provider has to keep: the same words for file, PKCS#11 and cloud KMS. */
export function describeKeyProvider(kind: string, make: () => Promise<KeyProviderSubject>): void {
  describe(`key provider: ${kind}`, () => {
    const context: KeyContext = { purpose: 'data', vault: 'vault-a', keyId: 'key-1', version: 1 };
    const key = randomBytes(32);
    let subject: KeyProviderSubject;
    let provider: KeyProvider;

    beforeEach(async () => {
      subject = await make();
      provider = await subject.open();
    });
    afterEach(() => provider.close());

    it('unwraps what it wrapped, also after it was opened anew', async () => {
      const wrapped = await provider.wrap(key, context);
      expect(await provider.unwrap(wrapped, context)).toEqual(key);
      provider.close();
      provider = await subject.open();
      expect(await provider.unwrap(wrapped, context)).toEqual(key);
    });

    it('leaves the plain key to its caller, and gives it out in a buffer of its own', async () => {
      const mine = Buffer.from(key);
      const wrapped = await provider.wrap(mine, context);
      expect(mine).toEqual(key);
      (await provider.unwrap(wrapped, context)).fill(0);
      expect(await provider.unwrap(wrapped, context)).toEqual(key);
    });

    it('wraps the same key differently each time, and never shows it', async () => {
      const one = await provider.wrap(key, context);
      const other = await provider.wrap(key, context);
      expect(one.equals(other)).toBe(false);
      expect(one.includes(key)).toBe(false);
    });

    it.each([
      ['purpose', { ...context, purpose: 'names' }],
      ['vault', { ...context, vault: 'vault-b' }],
      ['key id', { ...context, keyId: 'key-2' }],
      ['version', { ...context, version: 2 }],
    ])('S26: refuses a wrapped key under another %s', async (_what, other) => {
      expect(await codeOf(provider.unwrap(await provider.wrap(key, context), other))).toBe('vault.integrity');
    });

    it('S30: refuses a wrapped key with any byte changed, cut short or emptied', async () => {
      const wrapped = await provider.wrap(key, context);
      for (let at = 0; at < wrapped.length; at += 1) {
        const changed = Buffer.from(wrapped);
        changed.writeUInt8(changed.readUInt8(at) ^ 0x40, at);
        expect(await codeOf(provider.unwrap(changed, context))).toBe('vault.integrity');
      }
      expect(await codeOf(provider.unwrap(wrapped.subarray(0, -1), context))).toBe('vault.integrity');
      expect(await codeOf(provider.unwrap(Buffer.alloc(0), context))).toBe('vault.integrity');
    });

    it('refuses what another master key wrapped', async () => {
      const other = await subject.openOther();
      const wrapped = await other.wrap(key, context);
      expect(await codeOf(provider.unwrap(wrapped, context))).toBe('vault.integrity');
      other.close();
    });

    it('names the master key the same way each time, and each master key differently', async () => {
      const again = await subject.open();
      const other = await subject.openOther();
      expect(again.describe()).toEqual(provider.describe());
      expect(other.describe().masterKeyId).not.toBe(provider.describe().masterKeyId);
      expect(other.describe().kind).toBe(provider.describe().kind);
      again.close();
      other.close();
    });

    it('is sealed once closed, as often as it is closed', async () => {
      const wrapped = await provider.wrap(key, context);
      provider.close();
      provider.close();
      expect(await codeOf(provider.wrap(key, context))).toBe('vault.sealed');
      expect(await codeOf(provider.unwrap(wrapped, context))).toBe('vault.sealed');
    });
  });
}
