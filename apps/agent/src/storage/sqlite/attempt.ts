import { KeyfleetError } from '@keyfleet/kernel';
import type { ApiKeyChange, Change, KeyChange, SecretChange } from '../port.js';
import type { Handle } from './database.js';

/** Applies what has expectations, inside a transaction; throws `revision.conflict` where one does not hold. */
export function createAttempt(handle: Handle): (change: Change) => void {
  const secrets = secretChanges(handle);
  const keys = keyChanges(handle);
  const apiKeys = apiKeyChanges(handle);
  const policy = policyChange(handle);
  return (change) => {
    if (change.policy) policy(change.policy);
    for (const one of change.keys ?? []) keys(one);
    for (const one of change.secrets ?? []) secrets(one);
    for (const one of change.apiKeys ?? []) apiKeys(one);
  };
}

function held(changes: number): void {
  if (changes !== 1) throw new KeyfleetError('revision.conflict');
}

function secretChanges(handle: Handle): (change: SecretChange) => void {
  const create = handle.prepare(
    `INSERT INTO secrets (path, id, version, size, tags, created_at, updated_at)
     VALUES (@path, @secretId, @version, @size, @tags, @createdAt, @createdAt) ON CONFLICT DO NOTHING`,
  );
  const update = handle.prepare(
    `UPDATE secrets SET version = @version, size = @size, tags = coalesce(@tags, tags), updated_at = @createdAt
     WHERE path = @path AND id = @secretId AND version = @expected`,
  );
  const addVersion = handle.prepare(
    `INSERT INTO versions (path, version, secret_id, key_id, envelope, size, created_at, created_by)
     VALUES (@path, @version, @secretId, @keyId, @envelope, @size, @createdAt, @createdBy)`,
  );
  const remove = handle.prepare('DELETE FROM secrets WHERE path = ? AND version = ?');
  const rewrap = handle.prepare(
    `UPDATE versions SET key_id = @keyId, envelope = @envelope
     WHERE path = @path AND version = @version AND secret_id = @secretId AND key_id = @underKey`,
  );
  return (change) => {
    if (change.kind === 'delete') return held(remove.run(change.path, change.expected).changes);
    if (change.kind === 'rewrap') return held(rewrap.run(change).changes);
    const { version, expected, tags } = change;
    const row = { ...version, expected, tags: tags ? JSON.stringify(tags) : expected === 0 ? '{}' : null };
    held((expected === 0 ? create : update).run(row).changes);
    addVersion.run(version);
  };
}

function keyChanges(handle: Handle): (change: KeyChange) => void {
  const retire = handle.prepare("UPDATE wrapped_keys SET state = 'retired' WHERE purpose = ?");
  const add = handle.prepare(
    `INSERT INTO wrapped_keys (id, purpose, version, wrapped, master_key_id, state, created_at, encryptions)
     VALUES (@id, @purpose, @version, @wrapped, @masterKeyId, @state, @createdAt, @encryptions)
     ON CONFLICT DO NOTHING`,
  );
  const used = handle.prepare(
    "UPDATE wrapped_keys SET encryptions = encryptions + ? WHERE id = ? AND state = 'active'",
  );
  const destroy = handle.prepare(
    `DELETE FROM wrapped_keys WHERE id = ? AND state = 'retired'
     AND NOT EXISTS (SELECT 1 FROM versions WHERE key_id = wrapped_keys.id)`,
  );
  return (change) => {
    if (change.kind === 'used') return held(used.run(change.times, change.id).changes);
    if (change.kind === 'destroy') return held(destroy.run(change.id).changes);
    retire.run(change.key.purpose);
    return held(add.run(change.key).changes);
  };
}

function apiKeyChanges(handle: Handle): (change: ApiKeyChange) => void {
  const add = handle.prepare(
    'INSERT INTO api_keys (hash, id, record) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const remove = handle.prepare('DELETE FROM api_keys WHERE id = ?');
  return (change) => {
    if (change.kind === 'remove') return held(remove.run(change.id).changes);
    return held(add.run(change.key.hash, change.key.id, JSON.stringify(change.key)).changes);
  };
}

function policyChange(handle: Handle): (change: NonNullable<Change['policy']>) => void {
  const first = handle.prepare(
    'INSERT INTO policy (one, revision, state) VALUES (1, 1, ?) ON CONFLICT DO NOTHING',
  );
  const next = handle.prepare('UPDATE policy SET revision = revision + 1, state = ? WHERE revision = ?');
  return ({ expected, state }) => {
    const text = JSON.stringify(state);
    held((expected === 0 ? first.run(text) : next.run(text, expected)).changes);
  };
}
