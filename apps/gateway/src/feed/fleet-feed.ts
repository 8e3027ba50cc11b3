import type { ChangeNotice } from '@keyfleet/read-store';
import type { Actor, OrgAccess } from '../access/actor.js';
import type { Authenticator } from '../access/authenticator.js';
import type { FleetChangeObject } from '../graphql/types.js';
import type { FleetReads } from '../reads/fleet-reads.js';
import { type Gathered, Mailbox } from './mailbox.js';

/** Notices within this time become one message; well below what a person sees. */
const GATHER_MS = 100;
/** Beyond so many changed agents a subscriber is told to read its page again. */
const MAX_AGENTS = 200;

interface Subscriber {
  readonly actor: Actor;
  readonly org: OrgAccess;
}

export interface FeedMetrics {
  noticed(): void;
  lost(): void;
  /** A subscriber got a message, so long after the first notice of what it tells. */
  told(seconds: number): void;
}

export interface FleetFeedOptions {
  readonly reads: FleetReads;
  readonly authenticator: Authenticator;
  readonly metrics?: FeedMetrics;
}

/** Carries change notices of this replica's LISTEN connection to its subscribers; every message is read anew with the subscriber's own rights. */
export class FleetFeed {
  readonly #options: FleetFeedOptions;
  readonly #mailboxes = new Map<Mailbox, Subscriber>();
  readonly #onIdentity: (() => void)[] = [];

  constructor(options: FleetFeedOptions) {
    this.#options = options;
  }

  get subscribers(): number {
    return this.#mailboxes.size;
  }

  /** Called when sessions, tokens or memberships may have changed. */
  onIdentityChange(listener: () => void): void {
    this.#onIdentity.push(listener);
  }

  /** From the LISTEN connection. Identity notices make every subscriber prove itself again. */
  notice(notice: ChangeNotice): void {
    this.#options.metrics?.noticed();
    if (notice.readModel.startsWith('identity.')) {
      for (const mailbox of this.#mailboxes.keys()) mailbox.put({ kind: 'recheck' });
      this.#proveAgain();
      return;
    }
    for (const [mailbox, { org }] of this.#mailboxes) {
      if (notice.orgId === null) mailbox.put({ kind: 'reset', readModel: notice.readModel });
      else if (notice.orgId === org.id)
        mailbox.put({ kind: 'changed', readModel: notice.readModel, ids: notice.ids });
    }
  }

  /** The LISTEN connection was lost and is back: whatever happened meanwhile is unknown. */
  lost(): void {
    this.#options.metrics?.lost();
    for (const mailbox of this.#mailboxes.keys()) mailbox.put({ kind: 'reset', readModel: '*' });
    this.#proveAgain();
  }

  subscribe(subscriber: Subscriber): AsyncIterableIterator<FleetChangeObject> {
    const mailbox = new Mailbox(GATHER_MS);
    this.#mailboxes.set(mailbox, subscriber);
    mailbox.put({ kind: 'reset', readModel: '*' });
    return this.#messages(mailbox, subscriber);
  }

  close(): void {
    for (const mailbox of this.#mailboxes.keys()) mailbox.close();
  }

  #proveAgain(): void {
    this.#options.authenticator.forget();
    for (const listener of this.#onIdentity) listener();
  }

  #messages(mailbox: Mailbox, subscriber: Subscriber): AsyncIterableIterator<FleetChangeObject> {
    const read = async (): Promise<IteratorResult<FleetChangeObject>> => {
      for (;;) {
        const gathered = await mailbox.take();
        if (gathered === null || !(await this.#mayStay(subscriber))) return finish();
        const message = await this.#message(gathered, subscriber);
        if (message === null) continue;
        this.#options.metrics?.told((performance.now() - gathered.since) / 1_000);
        return { done: false, value: message };
      }
    };
    const next = () =>
      read().catch((error: unknown) => {
        // Whoever reads on after a failure starts anew, with a reset; nothing is gathered for it meanwhile.
        finish();
        throw error;
      });
    const finish = (): IteratorResult<FleetChangeObject> => {
      mailbox.close();
      this.#mailboxes.delete(mailbox);
      return { done: true, value: undefined };
    };
    const iterator: AsyncIterableIterator<FleetChangeObject> = {
      next,
      return: async () => finish(),
      throw: async () => finish(),
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  async #mayStay({ actor, org }: Subscriber): Promise<boolean> {
    const still = await this.#options.authenticator.stillValid(actor);
    if (!still) return false;
    return (
      (await this.#options.authenticator.organisation(actor, org.id))?.permissions.has('agents:read') ?? false
    );
  }

  async #message(gathered: Gathered, { org }: Subscriber): Promise<FleetChangeObject | null> {
    const readModels = [...gathered.readModels];
    if (gathered.reset || gathered.agentIds.size > MAX_AGENTS) return { reset: true, readModels, agents: [] };
    if (readModels.length === 0) return null;
    const agents =
      gathered.agentIds.size === 0
        ? []
        : await this.#options.reads.agentsById(org.id, [...gathered.agentIds]);
    return { reset: false, readModels, agents: [...agents] };
  }
}
