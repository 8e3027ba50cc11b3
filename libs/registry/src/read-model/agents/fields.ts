import { AGENT_STATES, type AgentState } from '@keyfleet/contracts/http';
import type { FilterField, FilterFields } from '@keyfleet/read-store';
import { type RawBuilder, type SqlBool, sql } from 'kysely';

/** While we are blind ourselves, nothing is said about anybody but who was revoked. */
export const STATE: RawBuilder<AgentState> = sql`case
  when a.revoked_at is not null then 'revoked'
  when not d.covered then 'unknown'
  when s.state = 'online' then 'online'
  when s.state in ('leaving', 'offline') then 'offline'
  else 'unknown' end`;

const LABEL = 'labels.';

const text = (expression: RawBuilder<unknown>): FilterField => ({ type: 'text', sql: expression });

const FIELDS: Readonly<Record<string, FilterField>> = {
  id: text(sql`a.agent_id`),
  name: text(sql`a.name`),
  version: text(sql`a.version`),
  state: { ...text(STATE), values: AGENT_STATES },
  storage: { ...text(sql`s.storage`), values: ['ok', 'degraded'] },
  seal: { ...text(sql`s.seal`), values: ['unsealed', 'sealed'] },
  lastSeenAt: { type: 'time', sql: sql`s.seen_at` },
  enrolledAt: { type: 'time', sql: sql`a.enrolled_at` },
  certificateExpiresAt: { type: 'time', sql: sql`a.certificate_expires_at` },
  secrets: { type: 'number', sql: sql`s.secrets` },
  'policy.version': { type: 'number', sql: sql`s.policy_version` },
};

/** What a filter over agents may ask. */
export const AGENT_FIELDS: FilterFields = {
  keys: () => [...Object.keys(FIELDS), `${LABEL}<key>`],
  get: agentField,
};

function agentField(name: string): FilterField | undefined {
  if (Object.hasOwn(FIELDS, name)) return FIELDS[name];
  if (!name.startsWith(LABEL)) return undefined;
  const key = name.slice(LABEL.length);
  return {
    type: 'text',
    sql: sql`a.labels ->> ${key}::text`,
    equals: (value) => sql<SqlBool>`a.labels @> ${JSON.stringify({ [key]: value })}::text::jsonb`,
  };
}

/** What agents can be sorted by; a leading dash turns it round. Every key has a value, so that pages have no holes. */
export const AGENT_SORTS = {
  name: { key: sql<string>`a.name`, type: 'text' },
  enrolledAt: { key: sql<string>`a.enrolled_at`, type: 'timestamptz' },
  lastSeenAt: { key: sql<string>`coalesce(s.seen_at, '-infinity')`, type: 'timestamptz' },
} as const;

export type AgentSort = keyof typeof AGENT_SORTS | `-${keyof typeof AGENT_SORTS}`;
