import { dirname } from 'node:path';
import type { KeyProvider } from '@keyfleet/crypto';
import type { Clock } from '@keyfleet/kernel';
import { Trail } from '../audit/trail.js';
import { reportUsage } from '../audit/usage-report.js';
import { KeyRotation } from '../keys/rotation.js';
import type { LinkLogger } from '../link/host.js';
import type { Journal } from '../link/journal/journal.js';
import { NameGuard } from '../names/guard.js';
import { PolicyKeeper } from '../policy/keeper.js';
import { PolicyFolder, recordIn } from '../policy/memory.js';
import type { VaultStorage } from '../storage/port.js';
import type { SqliteDatabase } from '../storage/sqlite/database.js';
import { openSqlite } from '../storage/sqlite/open.js';
import { Health } from './health.js';
import { VaultKeys, type VaultParts } from './parts.js';
import { lock, tellSeal, type UnsealReport, unseal } from './seal.js';
import { Vault } from './vault.js';

export interface VaultOptions {
  /** The SQLite file. */
  readonly file: string;
  readonly clock: Clock;
  /** Secret names never leave the agent in the clear. */
  readonly hashPaths: boolean;
  /** Hears of background work that had to stop. */
  readonly onFailure: (error: unknown) => void;
  readonly maxEncryptions?: number;
  /** Hears of policies. */
  readonly logger?: Pick<LinkLogger, 'info' | 'warn' | 'error'>;
}

/** A vault with everything around it; sealed until `unseal`, and without a policy until `parts.policies.open`. */
export interface AgentVault {
  readonly vault: Vault;
  readonly rotation: KeyRotation;
  readonly journal: Journal;
  /** Who the agent is; `null` before enrolment. */
  identity(): { readonly orgId: string; readonly agentId: string } | null;
  readonly parts: VaultParts;
  readonly database: SqliteDatabase;
  /** Rejects where the master key does not fit; the vault stays sealed and can be asked for its health. */
  unseal(openProvider: (parts: VaultParts) => Promise<KeyProvider>): Promise<UnsealReport>;
  /** Puts on record what changed about the seal since the last start. */
  tellSeal(): Promise<void>;
  lock(): Promise<void>;
  /** Journals the usage of minutes that are over, and puts on record how many lines of strangers were left out. */
  reportUsage(): Promise<void>;
  close(): Promise<void>;
}

export function createVault(options: VaultOptions): AgentVault {
  const { clock } = options;
  const { storage, journal, database } = openSqlite(options.file, clock);
  const guard = new NameGuard({ hashPaths: options.hashPaths });
  const health = new Health();
  const policies = new PolicyKeeper({
    memory: { ...recordIn(storage), files: new PolicyFolder(dirname(options.file)) },
    clock,
    agentId: () => journal.identity()?.agentId ?? null,
    auditSeq: () => newestLine(storage),
    ...(options.logger && { logger: options.logger }),
  });
  const trail = new Trail({ storage, guard, health, clock });
  database.onRefusal(() => trail.degraded());
  const parts: VaultParts = { storage, trail, guard, health, clock, keys: new VaultKeys(), policies };
  const rotation = new KeyRotation(parts, options.onFailure);
  const vault = new Vault(parts, () => rotation.beforeWrite());
  return {
    vault,
    rotation,
    journal,
    identity: () => journal.identity(),
    parts,
    database,
    unseal: async (openProvider) => {
      const report = await unseal(parts, () => openProvider(parts), options.maxEncryptions);
      rotation.resume();
      return report;
    },
    tellSeal: () => tellSeal(parts),
    lock: () => lock(parts),
    reportUsage: async () => {
      await trail.tellLeftOut();
      await reportUsage({ storage, guard, clock });
    },
    close: async () => {
      await rotation.close();
      await policies.idle();
      guard.close();
      parts.keys.seal();
      // A disk that refuses takes no last line; what was counted before is on it.
      await trail.tellLeftOut({ last: true }).catch(() => undefined);
      await storage.close();
    },
  };
}

/** The number of the newest audit line; 0 before the first. */
export async function newestLine(storage: Pick<VaultStorage, 'audit'>): Promise<number> {
  return (await storage.audit({ limit: 1 }))[0]?.seq ?? 0;
}
