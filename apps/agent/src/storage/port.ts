import type { usageRow } from '@keyfleet/contracts/events';
import type { z } from 'zod';
import type { ApiKey } from '../access/api-key.js';
import type { AuditEntry, AuditLine, AuditQuery } from '../audit/entry.js';
import type { PolicyRecord, PolicyState } from '../policy/state.js';

/** A secret as it stands: everything but its values. Times are RFC 3339 UTC. */
export interface StoredSecret {
  readonly path: string;
  /** Made when the secret is, never used again: `sec_…`. */
  readonly id: string;
  /** The current version. */
  readonly version: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Bytes of the current value. */
  readonly size: number;
}

export interface StoredVersion {
  readonly path: string;
  readonly secretId: string;
  readonly version: number;
  readonly keyId: string;
  readonly envelope: Buffer;
  readonly size: number;
  readonly createdAt: string;
  /** The principal who made it. */
  readonly createdBy: string;
}

export type VersionMetadata = Omit<StoredVersion, 'envelope' | 'keyId' | 'secretId'>;

/** A key wrapped by the master key. */
export interface StoredKey {
  readonly id: string;
  readonly purpose: 'data' | 'names';
  readonly version: number;
  readonly wrapped: Buffer;
  readonly masterKeyId: string;
  readonly state: 'active' | 'retired';
  readonly createdAt: string;
  /** Values encrypted with it so far. */
  readonly encryptions: number;
}

export type SecretChange =
  | {
      readonly kind: 'put';
      /** Holds only while the secret stands at this version; 0: while there is none. */
      readonly expected: number;
      readonly version: StoredVersion;
      /** Left as they are where not given. */
      readonly tags?: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'delete'; readonly path: string; readonly expected: number }
  /** Another envelope around the same value; holds only while the version is under the key named. */
  | {
      readonly kind: 'rewrap';
      readonly path: string;
      readonly version: number;
      readonly secretId: string;
      readonly underKey: string;
      readonly keyId: string;
      readonly envelope: Buffer;
    };

export type KeyChange =
  /** Becomes the active one of its purpose; the one before is retired. */
  | { readonly kind: 'activate'; readonly key: StoredKey }
  | { readonly kind: 'used'; readonly id: string; readonly times: number }
  /** Holds only while nothing is under it any more. */
  | { readonly kind: 'destroy'; readonly id: string };

export type ApiKeyChange =
  | { readonly kind: 'add'; readonly key: ApiKey }
  | { readonly kind: 'remove'; readonly id: string };

/** An event that was validated and measured, about to become a journal entry. */
export interface PreparedEvent {
  readonly id: string;
  readonly type: string;
  readonly v: number;
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Requests of one class in one minute, with names as they are: they are checked when they are told to anybody. */
export type UsageClass = Omit<z.infer<typeof usageRow>, 'count'>;
export interface UsageCount {
  /** RFC 3339, a whole minute. */
  readonly minute: string;
  readonly of: UsageClass;
  readonly count: number;
}
export interface UsageMinute {
  readonly minute: string;
  /** Parts reported of it before. */
  readonly parts: number;
  readonly rows: readonly UsageCount[];
}

export type SealState = 'unsealed' | 'sealed';

/** What happens together or not at all. */
export interface Change {
  readonly secrets?: readonly SecretChange[];
  readonly keys?: readonly KeyChange[];
  readonly apiKeys?: readonly ApiKeyChange[];
  readonly events?: readonly PreparedEvent[];
  readonly audit?: readonly AuditLine[];
  readonly usage?: readonly UsageCount[];
  /** What the next start compares with. */
  readonly seal?: SealState;
  /** Holds only while the record of policies stands at this revision. */
  readonly policy?: { readonly expected: number; readonly state: PolicyState };
  /** These counts were put into that many further parts of their minute. */
  readonly reported?: {
    readonly minute: string;
    readonly parts: number;
    readonly rows: readonly UsageCount[];
  };
}

export interface SecretPage {
  readonly prefix: string;
  /** Only secrets below one of these prefixes. */
  readonly visible: readonly string[];
  /** Paths greater than this one. */
  readonly after?: string;
  readonly limit: number;
}

/**
 * Where a vault lies. SQLite today; the contract suite beside this file is what PostgreSQL and MySQL have to keep.
 *
 * `apply` resolves once the change is safe on disk. It rejects with `revision.conflict` where an expectation of the
 * change did not hold, and with `vault.degraded` where the disk refused; nothing of the change happened then.
 * Changes given at the same time may be committed together; each still stands or falls alone.
 */
export interface VaultStorage {
  /** Random, made with the vault. */
  readonly vaultId: string;
  findSecret(path: string): Promise<StoredSecret | undefined>;
  /** The current version where none is named. */
  findVersion(path: string, version?: number): Promise<StoredVersion | undefined>;
  /** Newest first. */
  listVersions(path: string, page: { before?: number; limit: number }): Promise<VersionMetadata[]>;
  /** In the order of their paths' bytes. */
  listSecrets(page: SecretPage): Promise<StoredSecret[]>;
  countSecrets(): Promise<number>;
  /** Current versions of at most so many bytes, in the order of paths, for those who must look at every short value. */
  currentVersions(page: { after?: string; limit: number; maxSize: number }): Promise<StoredVersion[]>;
  /** Versions that are under another key than this one. */
  versionsNotUnder(keyId: string, limit: number): Promise<StoredVersion[]>;
  keys(): Promise<StoredKey[]>;
  /** As it was last told; a new vault is unsealed. */
  lastSeal(): Promise<SealState>;
  /** Throws `vault.integrity` where it is none that this wrote. */
  policyRecord(): Promise<PolicyRecord>;
  findApiKey(hash: string): Promise<ApiKey | undefined>;
  listApiKeys(): Promise<ApiKey[]>;
  /** Newest first. */
  audit(query: AuditQuery): Promise<AuditEntry[]>;
  /** The oldest minute before this one that has counts. */
  oldestUsage(before: string): Promise<UsageMinute | undefined>;
  /** On how many days from `from` until before `to` (RFC 3339) there are minutes that were reported. */
  daysReported(from: string, to: string): Promise<number>;
  apply(change: Change): Promise<void>;
  /** Drops audit lines beyond either limit, oldest first, and old marks of reported minutes. Returns how many lines. */
  retain(limits: { readonly before: string; readonly lines: number }): Promise<number>;
  close(): Promise<void>;
}
