import { createHash } from 'node:crypto';
import { BUILT_IN_ROLES } from '@keyfleet/contracts';
import type { AgentView } from '@keyfleet/contracts/http';
import type { CommandMeta } from '@keyfleet/contracts/messages';
import { KeyfleetError } from '@keyfleet/kernel';
import { newId, systemClock } from '@keyfleet/platform';
import type { Redis } from 'ioredis';
import { Authenticator, type IdentityReads } from '../access/authenticator.js';
import { SignInLimits } from '../access/sign-in-limits.js';
import { createGateway } from '../app.js';
import type { CommandOptions, Commands } from '../commands/registry-commands.js';
import { EnrolmentLimits } from '../enrolment/enrolment-limits.js';
import { FleetFeed } from '../feed/fleet-feed.js';
import type { FleetReads } from '../reads/fleet-reads.js';
import type { PolicyReads } from '../reads/policy-reads.js';
import { POLICY, POLICY_VERSION, summaryOf } from './policy.js';

/**
 * A gateway whose services and tables are doubles: for what the edge itself decides (guard, limits, shapes of refusals).
 * What the answers hold is tested with the whole product running.
 */

export const ORG = { id: newId('org'), slug: 'acme', name: 'Acme' };
export const FOREIGN_ORG = { id: newId('org'), slug: 'globex', name: 'Globex' };
export const SESSION = 'A'.repeat(43);
export const VIEWER_SESSION = 'B'.repeat(43);
export const API_TOKEN = `kf_${'T'.repeat(43)}`;
export const PASSWORD = 'correct horse battery staple';

const hash = (text: string) => createHash('sha256').update(text).digest('hex');
export const OWNER = newId('usr');
const VIEWER = newId('usr');
const TOKEN = newId('tok');

export const AGENT: AgentView = {
  id: newId('agt'),
  name: 'site-1',
  state: 'online',
  version: '0.1.0',
  labels: { env: 'prod' },
  lastSeenAt: '2026-11-21T00:00:00.000Z',
  enrolledAt: '2026-11-20T00:00:00.000Z',
  policy: null,
  journal: { epoch: 1, seq: 7 },
  secrets: 3,
  storage: 'ok',
  seal: 'unsealed',
  lastEvent: { type: 'SecretCreated', at: '2026-11-20T00:00:01.000Z' },
  certificateExpiresAt: '2026-11-22T00:00:00.000Z',
};

export class IdentityDouble implements IdentityReads {
  readonly ended = new Set<string>();
  /** What everybody belongs to beside acme. */
  readonly others: (typeof ORG)[] = [];
  /** Thrown instead of an answer. */
  fault: Error | null = null;

  async findSession(secretHash: string) {
    if (this.fault) throw this.fault;
    const found = [
      { hash: hash(SESSION), userId: OWNER },
      { hash: hash(VIEWER_SESSION), userId: VIEWER },
    ].find((one) => one.hash === secretHash && !this.ended.has(one.userId));
    if (!found) return null;
    return {
      sessionId: newId('ses'),
      userId: found.userId,
      email: 'ada@acme.example',
      name: 'Ada',
      expiresAt: Date.now() + 3_600_000,
    };
  }

  async findApiToken(secretHash: string) {
    if (secretHash !== hash(API_TOKEN)) return null;
    const permissions = BUILT_IN_ROLES.viewer;
    return { tokenId: TOKEN, orgId: ORG.id, name: 'robot', permissions, expiresAt: null };
  }

  async findOrganisation(idOrSlug: string) {
    if (idOrSlug.includes('\0')) throw new Error('PostgreSQL knows no such text');
    return (
      [ORG, FOREIGN_ORG, ...this.others].find(({ id, slug }) => id === idOrSlug || slug === idOrSlug) ?? null
    );
  }

  async permissionsOf(userId: string, orgId: string) {
    if (![ORG, ...this.others].some(({ id }) => id === orgId)) return null;
    return userId === OWNER ? BUILT_IN_ROLES.owner : BUILT_IN_ROLES.viewer;
  }

  async organisationsOf() {
    return [ORG, ...this.others];
  }
}

const EMPTY = { items: [], nextCursor: null };

const reads: FleetReads = {
  agents: async (orgId) => ({ items: orgId === ORG.id ? [AGENT] : [], nextCursor: null }),
  agentsAsOf: async () => EMPTY,
  agent: async (orgId, id) => (orgId === ORG.id && id === AGENT.id ? { view: AGENT, revision: '3' } : null),
  agentsById: async (orgId, ids) => (orgId === ORG.id && ids.includes(AGENT.id) ? [AGENT] : []),
  agentCounts: async () => ({ online: 1, offline: 0, unknown: 0, revoked: 0 }),
  groups: async () => EMPTY,
  enrolmentTokens: async () => EMPTY,
  apiTokens: async () => EMPTY,
  events: async () => EMPTY,
  reached: async (_models, position) => position === '7',
};

const policies: PolicyReads = {
  policies: async (orgId) => ({ items: orgId === ORG.id ? [summaryOf(POLICY)] : [], nextCursor: null }),
  policy: async (orgId, id) =>
    orgId === ORG.id && id === POLICY.id ? { view: POLICY, revision: '6' } : null,
  versions: async (orgId, id, { limit }) =>
    orgId === ORG.id && id === POLICY.id
      ? { items: Array(limit).fill(POLICY_VERSION), nextCursor: 'c' }
      : EMPTY,
  version: async (orgId, id, version) =>
    orgId === ORG.id && id === POLICY.id && version === 1 ? POLICY_VERSION : null,
  agentPolicies: async () => EMPTY,
  targetPreview: async (_org, { kind }) =>
    kind === 'group' ? null : { agents: 1, items: [{ id: AGENT.id, name: AGENT.name }] },
  standings: async () => [],
  holders: async () => [],
  certificate: async () => null,
};

interface Sent {
  readonly subject: string;
  readonly data: unknown;
  readonly meta: CommandMeta;
  readonly options: CommandOptions | undefined;
}

const commandsNoted = (sent: Sent[]): Commands => ({
  send: async (contract, data, meta, options) => {
    sent.push({ subject: contract.subject, data, meta, options });
    if (contract.subject.endsWith('.login')) {
      if ((data as { password: string }).password !== PASSWORD) throw new KeyfleetError('auth.failed');
      const answer = {
        userId: OWNER,
        sessionId: newId('ses'),
        sessionSecret: SESSION,
        absoluteExpiresAt: new Date(Date.now() + 3_600_000).toISOString(),
      };
      return { data: answer as never };
    }
    if (contract.subject.endsWith('.enrol')) throw new KeyfleetError('enrolment.token-invalid');
    return { data: {} as never, position: '42', revision: '4' };
  },
});

export interface GatewayDouble {
  readonly app: Awaited<ReturnType<typeof createGateway>>;
  readonly identity: IdentityDouble;
  readonly feed: FleetFeed;
  readonly logged: object[];
  /** What services were asked. */
  readonly sent: Sent[];
}

export interface GatewayDoubleOptions {
  readonly introspection?: boolean;
  /** In place of services that take whatever they are told. */
  readonly commands?: Commands;
  readonly policies?: Partial<PolicyReads>;
}

export async function gatewayDouble(
  redis: Redis,
  { introspection = false, ...given }: GatewayDoubleOptions = {},
): Promise<GatewayDouble> {
  const identity = new IdentityDouble();
  const logged: object[] = [];
  const sent: Sent[] = [];
  const authenticator = new Authenticator({ reads: identity, clock: systemClock, touch: () => undefined });
  const feed = new FleetFeed({ reads, authenticator });
  const note = (fields: object) => void logged.push(fields);
  const app = await createGateway(
    {
      authenticator,
      commands: given.commands ?? commandsNoted(sent),
      reads,
      policies: { ...policies, ...given.policies },
      feed,
      signInLimits: new SignInLimits(redis),
      enrolmentLimits: new EnrolmentLimits({ redis, now: () => Date.now() }),
      logger: { error: note, warn: () => undefined, info: () => undefined },
      introspection,
    },
    { trustedProxies: [] },
  );
  return { app, identity, feed, logged, sent };
}
