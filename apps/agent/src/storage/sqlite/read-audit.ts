import type { AuditEntry, AuditQuery } from '../../audit/entry.js';
import type { Handle } from './database.js';

const COLUMNS = `seq, at, action, path, version, principal, method, address, client, outcome, code,
  trace_id AS traceId, left_out AS leftOut, prev, hash`;

const CONDITIONS = {
  from: 'at >= @from',
  to: 'at < @to',
  principal: 'principal = @principal',
  action: 'action = @action',
  outcome: 'outcome = @outcome',
  path: "(path = @path OR (path >= @path || '/' AND path < @path || '0'))",
  beforeSeq: 'seq < @beforeSeq',
} as const satisfies Partial<Record<keyof AuditQuery, string>>;

/** What a line does not have is no part of what its hash covers. */
type Row = Omit<AuditEntry, 'leftOut'> & { readonly leftOut: number | null };

/** Newest first; only the conditions that are set. */
export function createAuditQuery(handle: Handle): (query: AuditQuery) => AuditEntry[] {
  return (query) => {
    const set = Object.entries(CONDITIONS).filter(([name]) => query[name as keyof AuditQuery] !== undefined);
    const where = set.length > 0 ? `WHERE ${set.map(([, condition]) => condition).join(' AND ')}` : '';
    const given = Object.fromEntries(set.map(([name]) => [name, query[name as keyof AuditQuery]]));
    return handle
      .prepare<object, Row>(`SELECT ${COLUMNS} FROM audit ${where} ORDER BY seq DESC LIMIT @limit`)
      .all({ ...given, limit: query.limit })
      .map(({ leftOut, ...entry }) => (leftOut === null ? entry : { ...entry, leftOut }));
  };
}
