import { GENESIS_HASH } from '@keyfleet/contracts';
import { canonicalJson, hashEntry } from '@keyfleet/crypto';
import type { AuditEntry, AuditLine } from '../../audit/entry.js';
import type { Change, UsageClass } from '../port.js';
import type { Handle } from './database.js';

/** Writes audit lines into their chain and counts usage, inside a transaction. */
export function createRecord(handle: Handle): (changes: readonly Change[]) => void {
  const audit = auditLines(handle);
  const usage = usageCounts(handle);
  const seal = handle.prepare('UPDATE vault SET seal = ?');
  return (changes) => {
    for (const change of changes) if (change.seal) seal.run(change.seal);
    audit(changes.flatMap((change) => change.audit ?? []));
    usage(changes);
  };
}

/** Hash and number of the newest audit line, also where retention has taken all of them. */
export function auditHead(handle: Handle): () => { seq: number; hash: string } {
  const newest = handle.prepare('SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1');
  const anchor = handle.prepare('SELECT seq, hash FROM audit_anchor');
  return () =>
    (newest.get() ?? anchor.get() ?? { seq: 0, hash: GENESIS_HASH }) as { seq: number; hash: string };
}

function auditLines(handle: Handle): (lines: readonly AuditLine[]) => void {
  const head = auditHead(handle);
  const insert = handle.prepare(
    `INSERT INTO audit (seq, at, action, path, version, principal, method, address, client, outcome, code, trace_id, left_out, prev, hash)
     VALUES (@seq, @at, @action, @path, @version, @principal, @method, @address, @client, @outcome, @code, @traceId, @leftOut, @prev, @hash)`,
  );
  return (lines) => {
    if (lines.length === 0) return;
    let { seq, hash } = head();
    for (const line of lines) {
      seq += 1;
      const entry: Omit<AuditEntry, 'hash'> = { ...line, seq, prev: hash };
      hash = hashEntry(entry);
      insert.run({ leftOut: null, ...entry, hash });
    }
  };
}

function usageCounts(handle: Handle): (changes: readonly Change[]) => void {
  const add = handle.prepare(
    `INSERT INTO usage (minute, class, count) VALUES (?, ?, ?)
     ON CONFLICT (minute, class) DO UPDATE SET count = count + excluded.count`,
  );
  const take = handle.prepare('UPDATE usage SET count = count - ? WHERE minute = ? AND class = ?');
  const clear = handle.prepare('DELETE FROM usage WHERE minute = ? AND count <= 0');
  const reported = handle.prepare(
    `INSERT INTO usage_reported (minute, parts) VALUES (?, ?)
     ON CONFLICT (minute) DO UPDATE SET parts = parts + excluded.parts`,
  );
  return (changes) => {
    for (const { minute, text, count } of summed(changes)) add.run(minute, text, count);
    for (const { reported: told } of changes) {
      if (!told) continue;
      for (const row of told.rows) take.run(row.count, told.minute, textOf(row.of));
      clear.run(told.minute);
      reported.run(told.minute, told.parts);
    }
  };
}

/** Classes are kept by those who count, so each is written out once. */
const texts = new WeakMap<UsageClass, string>();

function textOf(of: UsageClass): string {
  let text = texts.get(of);
  if (text === undefined) texts.set(of, (text = canonicalJson(of)));
  return text;
}

/** One row per class and minute, however many requests of a group were of it. */
function summed(changes: readonly Change[]): Iterable<{ minute: string; text: string; count: number }> {
  const rows = new Map<string, { minute: string; text: string; count: number }>();
  for (const change of changes)
    for (const { minute, of, count } of change.usage ?? []) {
      const text = textOf(of);
      const key = `${minute} ${text}`;
      const row = rows.get(key);
      if (row) row.count += count;
      else rows.set(key, { minute, text, count });
    }
  return rows.values();
}
