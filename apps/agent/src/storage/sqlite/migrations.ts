import type { SqliteDatabase } from './database.js';

/** Released migrations are frozen; a change is a new one at the end. */
const MIGRATIONS = [
  `
  CREATE TABLE vault (id TEXT PRIMARY KEY, seal TEXT NOT NULL DEFAULT 'unsealed') STRICT;

  CREATE TABLE secrets (
    path TEXT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    size INTEGER NOT NULL,
    tags TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE versions (
    path TEXT NOT NULL REFERENCES secrets (path) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    secret_id TEXT NOT NULL,
    key_id TEXT NOT NULL REFERENCES wrapped_keys (id),
    envelope BLOB NOT NULL,
    size INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    UNIQUE (path, version)
  ) STRICT;
  CREATE INDEX versions_by_key ON versions (key_id);

  CREATE TABLE wrapped_keys (
    id TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    version INTEGER NOT NULL,
    wrapped BLOB NOT NULL,
    master_key_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'retired')),
    created_at TEXT NOT NULL,
    encryptions INTEGER NOT NULL DEFAULT 0,
    UNIQUE (purpose, version)
  ) STRICT;
  CREATE UNIQUE INDEX one_active_key ON wrapped_keys (purpose) WHERE state = 'active';

  CREATE TABLE api_keys (
    hash TEXT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    record TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    action TEXT NOT NULL,
    path TEXT,
    version INTEGER,
    principal TEXT NOT NULL,
    method TEXT NOT NULL,
    address TEXT,
    client TEXT,
    outcome TEXT NOT NULL,
    code TEXT,
    trace_id TEXT NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL
  ) STRICT;
  CREATE INDEX audit_by_path ON audit (path, seq);
  CREATE INDEX audit_by_principal ON audit (principal, seq);
  -- What was before the oldest line still kept.
  CREATE TABLE audit_anchor (seq INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;

  CREATE TABLE usage (
    minute TEXT NOT NULL,
    class TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (minute, class)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE usage_reported (minute TEXT PRIMARY KEY, parts INTEGER NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE journal (
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    -- Canonical JSON of what does not change when the entry is chained anew.
    body TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL,
    -- Milliseconds; NULL while the control plane has not committed it.
    acknowledged_at INTEGER,
    UNIQUE (epoch, seq)
  ) STRICT;
  CREATE INDEX journal_acknowledged ON journal (epoch, seq, acknowledged_at, bytes) WHERE acknowledged_at IS NOT NULL;
  CREATE TABLE journal_state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    org_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    acknowledged_seq INTEGER NOT NULL,
    acknowledged_hash TEXT NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE policy (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL,
    state TEXT NOT NULL
  ) STRICT;
  `,
  `
  ALTER TABLE audit ADD COLUMN left_out INTEGER;
  `,
];

/** Brings the file to this version, each step whole or not at all. Throws for a file of a newer Keyfleet. */
export function migrate(database: SqliteDatabase): void {
  const { handle } = database;
  const at = handle.pragma('user_version', { simple: true }) as number;
  if (at > MIGRATIONS.length)
    throw new Error(`The vault was written by a newer version (${at}, this one knows ${MIGRATIONS.length}).`);
  for (const [index, sql] of MIGRATIONS.entries()) {
    if (index < at) continue;
    database.transaction(() => {
      handle.exec(sql);
      handle.pragma(`user_version = ${index + 1}`);
    });
  }
}
