/** What a wrapped key belongs to; it is authenticated with the key. */
export interface KeyContext {
  /** What the key is for, such as `data` or `names`. */
  readonly purpose: string;
  readonly vault: string;
  readonly keyId: string;
  readonly version: number;
}

/**
 * Holds the master key and never gives it away. A file today; the same contract suite is for PKCS#11 and cloud KMS,
 * hence everything is asynchronous.
 */
export interface KeyProvider {
  /** Encrypts a key under the master key. The plain key stays the caller's to fill with zeros. */
  wrap(key: Buffer, context: KeyContext): Promise<Buffer>;
  /** Throws `vault.integrity` for another master key, another context or changed bytes; `vault.sealed` after close. */
  unwrap(wrapped: Buffer, context: KeyContext): Promise<Buffer>;
  describe(): KeyProviderDescription;
  /** Forgets the master key. */
  close(): void;
}

export interface KeyProviderDescription {
  readonly kind: 'file' | 'pkcs11' | 'aws-kms' | 'gcp-kms' | 'azure-keyvault';
  /** Names the master key without telling anything of it; the same for the same key everywhere. */
  readonly masterKeyId: string;
}
