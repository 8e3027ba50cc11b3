import { z } from 'zod';
import { secret } from '../classification.js';
import { agentName, displayName, id, labels, sha256, slug, timestamp } from '../names.js';
import { PERMISSIONS } from '../permissions.js';
import { text } from '../text.js';

export const email = z.string().max(254).pipe(z.email());

export const loginRequest = z
  .strictObject({ email, password: secret(z.string().min(1).max(1_024)) })
  .meta({ id: 'LoginRequest' });
export const orgSummary = z
  .object({ id: id('org'), slug, name: displayName })
  .meta({ id: 'OrganisationSummary' });
export const currentUser = z
  .object({
    id: z.string(),
    email: z.string().nullable(),
    name: z.string().nullable(),
    kind: z.enum(['user', 'token']),
  })
  .meta({ id: 'CurrentUser' });
export const sessionAnswer = z
  .object({ user: currentUser, orgs: z.array(orgSummary) })
  .meta({ id: 'Session' });

/** `{org}` in a route: an id or a slug. */
export const orgParam = z.union([id('org'), slug]);

export const createOrgRequest = z
  .strictObject({ slug, name: displayName })
  .meta({ id: 'CreateOrganisation' });

export const AGENT_STATES = ['online', 'offline', 'unknown', 'revoked'] as const;
export const agentState = z.enum(AGENT_STATES);
export type AgentState = z.infer<typeof agentState>;

export const agentView = z
  .object({
    id: id('agt'),
    name: agentName,
    state: agentState,
    version: z.string(),
    labels,
    lastSeenAt: timestamp.nullable(),
    enrolledAt: timestamp,
    policy: z.object({ version: z.int(), hash: sha256 }).nullable(),
    journal: z.object({ epoch: z.int(), seq: z.int() }),
    secrets: z.int().nullable(),
    storage: z.enum(['ok', 'degraded']).nullable(),
    seal: z.enum(['unsealed', 'sealed']).nullable(),
    lastEvent: z.object({ type: z.string(), at: timestamp }).nullable(),
    certificateExpiresAt: timestamp.nullable(),
  })
  .meta({ id: 'Agent' });
export type AgentView = z.infer<typeof agentView>;

export const labelAgentRequest = z.strictObject({ labels }).meta({ id: 'LabelAgent' });

export const eventView = z
  .object({
    id: z.string(),
    type: z.string(),
    v: z.int(),
    at: timestamp,
    recordedAt: timestamp,
    position: z.string(),
    stream: z.string(),
    actor: z.string(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Event' });
export type EventView = z.infer<typeof eventView>;

export const issueEnrolmentTokenRequest = z
  .strictObject({
    /** Seconds; 15 minutes by default, at most 7 days. */
    expiresIn: z
      .int()
      .min(10)
      .max(7 * 86_400)
      .optional(),
    uses: z.int().min(1).max(10_000).optional(),
    labels: labels.optional(),
  })
  .meta({ id: 'IssueEnrolmentToken' });
export const enrolmentTokenIssued = z
  .object({ id: id('etk'), token: z.string(), expiresAt: timestamp })
  .meta({ id: 'EnrolmentTokenIssued' });
export const enrolmentTokenView = z
  .object({
    id: id('etk'),
    state: z.enum(['open', 'used', 'expired', 'revoked']),
    uses: z.int(),
    used: z.int(),
    labels,
    expiresAt: timestamp,
    issuedAt: timestamp,
    issuedBy: z.string(),
  })
  .meta({ id: 'EnrolmentToken' });
export type EnrolmentTokenView = z.infer<typeof enrolmentTokenView>;

export const defineGroupRequest = z
  .strictObject({
    name: displayName,
    selector: text.min(1).max(2_000),
    offlineAfterSeconds: z.int().min(30).max(240).nullable().optional(),
  })
  .meta({ id: 'DefineGroup' });
export const groupView = z
  .object({
    id: id('grp'),
    name: z.string(),
    selector: z.string(),
    offlineAfterSeconds: z.int().nullable(),
    definedAt: timestamp,
  })
  .meta({ id: 'Group' });
export type GroupView = z.infer<typeof groupView>;

export const issueApiTokenRequest = z
  .strictObject({
    name: displayName,
    permissions: z.array(z.enum(PERMISSIONS)).min(1),
    expiresIn: z
      .int()
      .min(60)
      .max(366 * 86_400)
      .optional(),
  })
  .meta({ id: 'IssueApiToken' });
export const apiTokenIssued = z
  .object({ id: id('tok'), token: z.string(), expiresAt: timestamp.nullable() })
  .meta({ id: 'ApiTokenIssued' });
export const apiTokenView = z
  .object({
    id: id('tok'),
    name: z.string(),
    permissions: z.array(z.string()),
    issuedAt: timestamp,
    expiresAt: timestamp.nullable(),
    revokedAt: timestamp.nullable(),
  })
  .meta({ id: 'ApiToken' });

/** Query of every list. */
export const listQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(2_000).optional(),
  /** AIP-160 subset, e.g. `state = offline AND labels.env = "prod"`. */
  filter: z.string().max(2_000).optional(),
});
/** Query of the event timeline. */
export const eventsQuery = z.strictObject({
  ...listQuery.shape,
  type: z
    .string()
    .regex(/^[A-Z][A-Za-z]{2,63}$/, 'must be an event type such as SecretUpdated')
    .optional(),
  agentId: id('agt').optional(),
  from: timestamp.optional(),
  to: timestamp.optional(),
});

export const page = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() });
