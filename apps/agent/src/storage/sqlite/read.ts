import { KeyfleetError } from '@keyfleet/kernel';
import { NO_POLICY, type PolicyRecord, policyState } from '../../policy/state.js';
import type {
  SealState,
  SecretPage,
  StoredKey,
  StoredSecret,
  StoredVersion,
  UsageMinute,
  VersionMetadata,
} from '../port.js';
import type { Handle } from './database.js';

const SECRET = 'path, id, version, size, tags, created_at AS createdAt, updated_at AS updatedAt';
const VERSION = `v.path, v.secret_id AS secretId, v.version, v.key_id AS keyId, v.envelope, v.size,
  v.created_at AS createdAt, v.created_by AS createdBy`;

type SecretRow = Omit<StoredSecret, 'tags'> & { tags: string };

function toSecret(row: SecretRow): StoredSecret {
  return { ...row, tags: JSON.parse(row.tags) as Record<string, string> };
}

/** The queries about secrets and keys; synchronous, as SQLite is. */
export function createReads(handle: Handle) {
  const secret = handle.prepare<[string], SecretRow>(`SELECT ${SECRET} FROM secrets WHERE path = ?`);
  const version = handle.prepare<[string, number], StoredVersion>(
    `SELECT ${VERSION} FROM versions v WHERE path = ? AND version = ?`,
  );
  // As a subquery: the join of the two tables takes twice the time.
  const current = handle.prepare<[string, string], StoredVersion>(
    `SELECT ${VERSION} FROM versions v
     WHERE path = ? AND version = (SELECT version FROM secrets WHERE path = ?)`,
  );
  const versions = handle.prepare<[string, number, number], VersionMetadata>(
    `SELECT path, version, size, created_at AS createdAt, created_by AS createdBy FROM versions
     WHERE path = ? AND version < ? ORDER BY version DESC LIMIT ?`,
  );
  const count = handle.prepare<[], number>('SELECT count(*) FROM secrets').pluck();
  const currents = handle.prepare<[string, number, number], StoredVersion>(
    `SELECT ${VERSION} FROM versions v JOIN secrets s USING (path, version)
     WHERE s.path > ? AND s.size <= ? ORDER BY s.path LIMIT ?`,
  );
  const otherKeys = handle.prepare<[string, string, number], StoredVersion>(
    `SELECT ${VERSION} FROM versions v WHERE key_id < ? OR key_id > ? LIMIT ?`,
  );
  const keys = handle.prepare<[], StoredKey>(
    `SELECT id, purpose, version, wrapped, master_key_id AS masterKeyId, state, created_at AS createdAt, encryptions
     FROM wrapped_keys ORDER BY purpose, version`,
  );
  const seal = handle.prepare<[], SealState>('SELECT seal FROM vault').pluck();
  return {
    secret: (path: string) => {
      const row = secret.get(path);
      return row && toSecret(row);
    },
    version: (path: string, number?: number) =>
      number === undefined ? current.get(path, path) : version.get(path, number),
    versions: (path: string, page: { before?: number; limit: number }) =>
      versions.all(path, page.before ?? Number.MAX_SAFE_INTEGER, page.limit),
    secrets: createList(handle),
    count: () => count.get() as number,
    currents: (page: { after?: string; limit: number; maxSize: number }) =>
      currents.all(page.after ?? '', page.maxSize, page.limit),
    seal: () => seal.get() as SealState,
    policy: createPolicy(handle),
    notUnder: (keyId: string, limit: number) => otherKeys.all(keyId, keyId, limit),
    keys: () => keys.all(),
    usage: createUsage(handle),
  };
}

/** Every character of a path sorts before this one, so `prefix + AFTER` ends the range of a prefix. */
const AFTER = '\u007f';
/** The character after `/`: ends the range of everything below a segment. */
const AFTER_SLASH = '0';

function createList(handle: Handle): (page: SecretPage) => StoredSecret[] {
  return ({ prefix, visible, after, limit }) => {
    if (visible.length === 0) return [];
    const below = visible.map(() => '(path = ? OR (path >= ? AND path < ?))').join(' OR ');
    const everything = visible.includes('');
    const statement = handle.prepare<unknown[], SecretRow>(
      `SELECT ${SECRET} FROM secrets WHERE path >= ? AND path < ? AND path > ?
       ${everything ? '' : `AND (${below})`} ORDER BY path LIMIT ?`,
    );
    const grants = everything ? [] : visible.flatMap((one) => [one, `${one}/`, `${one}${AFTER_SLASH}`]);
    return statement.all(prefix, prefix + AFTER, after ?? '', ...grants, limit).map(toSecret);
  };
}

function createUsage(handle: Handle): (before: string) => UsageMinute | undefined {
  const oldest = handle
    .prepare<[string], string | null>('SELECT min(minute) FROM usage WHERE minute < ?')
    .pluck();
  const rows = handle.prepare<[string], { class: string; count: number }>(
    'SELECT class, count FROM usage WHERE minute = ? ORDER BY class',
  );
  const parts = handle.prepare<[string], number>('SELECT parts FROM usage_reported WHERE minute = ?').pluck();
  return (before) => {
    const minute = oldest.get(before);
    if (!minute) return undefined;
    const found = rows.all(minute).map((row) => ({ minute, of: JSON.parse(row.class), count: row.count }));
    return { minute, parts: parts.get(minute) ?? 0, rows: found };
  };
}

function createPolicy(handle: Handle): () => PolicyRecord {
  const record = handle.prepare<[], { revision: number; state: string }>(
    'SELECT revision, state FROM policy',
  );
  return () => {
    const row = record.get();
    if (!row) return { revision: 0, state: NO_POLICY };
    const state = policyState.safeParse(JSON.parse(row.state));
    if (!state.success)
      throw new KeyfleetError('vault.integrity', { detail: 'What is kept about policies cannot be read.' });
    return { revision: row.revision, state: state.data };
  };
}
