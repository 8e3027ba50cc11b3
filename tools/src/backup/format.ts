import { z } from 'zod';
import { KEPT_TABLES } from './tables.js';

/** Raised when an older build could not read what is written. */
export const FORMAT = 1;
export const HEAD_ENTRY = 'keyfleet-backup.json';
export const MANIFEST_ENTRY = 'manifest.json';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0);
const position = z.string().regex(/^(?:0|[1-9]\d{0,18})$/);
const column = z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/);
const tableName = z.enum(KEPT_TABLES.map(({ name }) => name) as [string, ...string[]]);

/** The first entry: what a restore has to know before it reads on. */
export const headSchema = z.strictObject({
  format: z.literal(FORMAT),
  keyfleet: z.string(),
  installationId: z.string().regex(/^ins_[0-9a-f-]{36}$/),
  /** By the database's clock, when the snapshot was taken. */
  takenAt: z.iso.datetime({ precision: 6 }),
  postgres: z.string(),
  /** Newest position in the snapshot. */
  position,
  /** False where the events are another store's. */
  events: z.boolean(),
  migrations: z.array(z.strictObject({ owner: z.string(), name: z.string(), hash: sha256 })),
  tables: z.array(z.strictObject({ name: tableName, columns: z.array(column).min(1) })),
  files: z.array(z.strictObject({ name: z.string(), sha256 })),
});
export type BackupHead = z.infer<typeof headSchema>;

/** The last entry: what everything before it has to add up to. */
export const manifestSchema = z.strictObject({
  format: z.literal(FORMAT),
  headSha256: sha256,
  files: z.array(z.strictObject({ name: z.string(), bytes: count, sha256 })),
  tables: z.array(
    z.strictObject({
      name: tableName,
      rows: count,
      bytes: count,
      /** Over the bytes of all parts in their order. */
      sha256,
    }),
  ),
});
export type BackupManifest = z.infer<typeof manifestSchema>;

/** `tables/store.events/000001.copy`: rows as `COPY … FROM STDIN` takes them, cut between two rows. */
export const tableEntry = (table: string, part: number): string =>
  `tables/${table}/${String(part).padStart(8, '0')}.copy`;
export const TABLE_ENTRY = /^tables\/([a-z]+\.[a-z_]+)\/(\d{8})\.copy$/;

/** Below the state directory: keys, and what a restored installation cannot make anew. Nothing else is ever written. */
export const FILE_ENTRY = /^files\/((?:authority\/(?:root\/)?|secrets\/)[a-z][a-z0-9.-]{0,60})$/;
