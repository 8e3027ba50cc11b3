import { createHash } from 'node:crypto';
import type { Permission } from '@keyfleet/contracts';
import { orgParam } from '@keyfleet/contracts/http';
import type { Clock } from '@keyfleet/kernel';
import type { FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import type { Actor, OrgAccess } from './actor.js';

export const SESSION_COOKIE = 'keyfleet_session';

export interface SessionRow {
  readonly sessionId: string;
  readonly userId: string;
  readonly email: string | null;
  readonly name: string | null;
  /** Milliseconds since the epoch: the sooner of the idle and the absolute limit. */
  readonly expiresAt: number;
}

export interface ApiTokenRow {
  readonly tokenId: string;
  readonly orgId: string;
  readonly name: string;
  readonly permissions: readonly Permission[];
  readonly expiresAt: number | null;
}

/** What the gateway asks of the identity tables, each by exact key. */
export interface IdentityReads {
  findSession(hash: string): Promise<SessionRow | null>;
  findApiToken(hash: string): Promise<ApiTokenRow | null>;
  /** By id or slug. */
  findOrganisation(idOrSlug: string): Promise<{ id: string; slug: string; name: string } | null>;
  permissionsOf(userId: string, orgId: string): Promise<readonly Permission[] | null>;
  organisationsOf(userId: string): Promise<readonly { id: string; slug: string; name: string }[]>;
}

/** Told that a session is in use, so that its idle limit moves; at most once a minute per session. */
export type TouchSession = (sessionId: string) => void;

export interface AuthenticatorOptions {
  readonly reads: IdentityReads;
  readonly clock: Clock;
  readonly touch: TouchSession;
}

type Credential = { readonly kind: 'session' | 'token'; readonly hash: string };

const BEARER = /^Bearer (kf_[A-Za-z0-9_-]{20,200})$/;
const SESSION = /^[A-Za-z0-9_-]{43}$/;
/** A revoked session must be out within 2 s even where a notice was lost. */
const CACHE_MS = 1_000;
const TOUCH_EVERY_MS = 60_000;

/** Turns a cookie or bearer token into an actor, and a name into an organisation it belongs to. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #sessions = new LRUCache<string, { row: SessionRow | null }>({ max: 10_000, ttl: CACHE_MS });
  readonly #tokens = new LRUCache<string, { row: ApiTokenRow | null }>({ max: 10_000, ttl: CACHE_MS });
  readonly #organisations = new LRUCache<string, { org: OrgAccess | null }>({ max: 10_000, ttl: CACHE_MS });
  readonly #credentials = new WeakMap<Actor, string>();
  readonly #touched = new LRUCache<string, true>({ max: 10_000, ttl: TOUCH_EVERY_MS });

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  async authenticate(
    request: Pick<FastifyRequest, 'headers'> & { cookies?: Record<string, string | undefined> },
  ): Promise<Actor | null> {
    const credential = credentialOf(request);
    if (credential === null) return null;
    return credential.kind === 'session' ? this.#bySession(credential.hash) : this.#byToken(credential.hash);
  }

  /** `null` where there is no such organisation or the actor does not belong to it: one answer for both. */
  async organisation(actor: Actor, idOrSlug: string): Promise<OrgAccess | null> {
    // What cannot be one is not asked for: a database refuses some texts, and a cache need not keep the others.
    if (!orgParam.safeParse(idOrSlug).success) return null;
    const key = `${actor.id} ${idOrSlug}`;
    const cached = this.#organisations.get(key);
    if (cached) return cached.org;
    const org = await this.#readOrganisation(actor, idOrSlug);
    this.#organisations.set(key, { org });
    return org;
  }

  organisationsOf(actor: Actor): Promise<readonly { id: string; slug: string; name: string }[]> {
    return actor.kind === 'user'
      ? this.#options.reads.organisationsOf(actor.id)
      : this.#organisationOfToken(actor);
  }

  /** For connections that outlive a request: is the credential they came with still good? Asking is not using: no idle limit moves. */
  async stillValid(actor: Actor): Promise<boolean> {
    const hash = this.#credentials.get(actor);
    if (hash === undefined) return false;
    return (await (isTokenActor(actor) ? this.#token(hash) : this.#session(hash))) !== null;
  }

  /** For metrics. */
  get cached(): { readonly sessions: number; readonly tokens: number; readonly organisations: number } {
    const [sessions, tokens, organisations] = [
      this.#sessions.size,
      this.#tokens.size,
      this.#organisations.size,
    ];
    return { sessions, tokens, organisations };
  }

  /** After a notice, or after the feed was lost. */
  forget(): void {
    this.#sessions.clear();
    this.#tokens.clear();
    this.#organisations.clear();
  }

  async #bySession(hash: string): Promise<Actor | null> {
    const row = await this.#session(hash);
    if (row === null) return null;
    if (!this.#touched.has(row.sessionId)) {
      this.#touched.set(row.sessionId, true);
      this.#options.touch(row.sessionId);
    }
    return this.#proved(hash, {
      kind: 'user',
      id: row.userId,
      sessionId: row.sessionId,
      email: row.email,
      name: row.name,
    });
  }

  async #session(hash: string): Promise<SessionRow | null> {
    const row = await remember(this.#sessions, hash, () => this.#options.reads.findSession(hash));
    return row === null || row.expiresAt <= this.#options.clock.now() ? null : row;
  }

  async #token(hash: string): Promise<ApiTokenRow | null> {
    const row = await remember(this.#tokens, hash, () => this.#options.reads.findApiToken(hash));
    const endsAt = row?.expiresAt ?? Number.POSITIVE_INFINITY;
    return endsAt <= this.#options.clock.now() ? null : row;
  }

  async #byToken(hash: string): Promise<Actor | null> {
    const row = await this.#token(hash);
    if (row === null) return null;
    const actor: TokenActor = {
      kind: 'token',
      id: row.tokenId,
      sessionId: null,
      email: null,
      name: row.name,
      token: row,
    };
    return this.#proved(hash, actor);
  }

  #proved<A extends Actor>(hash: string, actor: A): A {
    this.#credentials.set(actor, hash);
    return actor;
  }

  async #readOrganisation(actor: Actor, idOrSlug: string): Promise<OrgAccess | null> {
    const org = await this.#options.reads.findOrganisation(idOrSlug);
    if (org === null) return null;
    if (isTokenActor(actor)) {
      return actor.token.orgId === org.id ? { ...org, permissions: new Set(actor.token.permissions) } : null;
    }
    const permissions = await this.#options.reads.permissionsOf(actor.id, org.id);
    return permissions === null ? null : { ...org, permissions: new Set(permissions) };
  }

  async #organisationOfToken(actor: Actor): Promise<readonly { id: string; slug: string; name: string }[]> {
    if (!isTokenActor(actor)) return [];
    const org = await this.#options.reads.findOrganisation(actor.token.orgId);
    return org === null ? [] : [org];
  }
}

interface TokenActor extends Actor {
  readonly token: ApiTokenRow;
}

function isTokenActor(actor: Actor): actor is TokenActor {
  return actor.kind === 'token' && 'token' in actor;
}

async function remember<Row>(
  cache: LRUCache<string, { row: Row | null }>,
  key: string,
  read: () => Promise<Row | null>,
): Promise<Row | null> {
  const cached = cache.get(key);
  if (cached) return cached.row;
  const row = await read();
  cache.set(key, { row });
  return row;
}

function credentialOf(request: {
  headers: FastifyRequest['headers'];
  cookies?: Record<string, string | undefined>;
}): Credential | null {
  const bearer = BEARER.exec(request.headers.authorization ?? '');
  if (bearer?.[1]) return { kind: 'token', hash: sha256(bearer[1]) };
  // A header that is there but wrong must not fall back to the cookie.
  if (request.headers.authorization !== undefined) return null;
  const cookie = request.cookies?.[SESSION_COOKIE];
  return cookie !== undefined && SESSION.test(cookie) ? { kind: 'session', hash: sha256(cookie) } : null;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
