/** Rows other questions of the registry join by `agent_id`; every one has its own forced row security. */
export interface LastSeenTable {
  agent_id: string;
  org_id: string;
  /** `new` has never beaten; `leaving` is found silent and being recorded. */
  state: 'new' | 'online' | 'leaving' | 'offline' | 'revoked';
  /** RFC 3339: when the last beat that counted was received. */
  seen_at: string | null;
  version: string | null;
  journal_epoch: bigint | null;
  journal_seq: bigint | null;
  journal_acknowledged: bigint | null;
  policy_version: bigint | null;
  policy_hash: string | null;
  secrets: bigint | null;
  storage: 'ok' | 'degraded' | null;
  seal: 'unsealed' | 'sealed' | null;
}

/** One row, readable by every organisation: while it is not covered, an agent's state is shown as unknown. */
export interface DetectionNowTable {
  covered: boolean;
  paused_since: string | null;
  reason: string | null;
}

export interface LastSeenTables {
  'registry.agent_last_seen': LastSeenTable;
  'registry.detection_now': DetectionNowTable;
}
