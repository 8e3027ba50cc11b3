import { setTimeout as delay } from 'node:timers/promises';
import type { EventStore, NewEvent, StreamAppend } from '@keyfleet/event-store';
import { newId } from '@keyfleet/platform';

/** Of a type no other event has: what readers look at, and what the rows in use are marked on. */
export const MARKED = 'ProofMarked';
const MARKED_COUNT = 40;
const EVENTS_PER_APPEND = 50;
const APPENDS_PER_BATCH = 40;
const AGENTS = 200;

export interface FillOptions {
  readonly store: EventStore;
  readonly orgs: readonly string[];
  readonly events: number;
  readonly random: () => number;
  readonly say: (line: string) => void;
}

/** A fleet's history: agents that were enrolled and revoked, and journals with what agents write. */
export class History {
  readonly #options: FillOptions;
  readonly #agents: readonly { readonly id: string; readonly orgId: string }[];
  readonly #revisions = new Map<string, bigint>();
  #written = 0;

  constructor(options: FillOptions) {
    this.#options = options;
    this.#agents = Array.from({ length: AGENTS }, (_, n) => ({
      id: newId('agt'),
      orgId: options.orgs[n % options.orgs.length] ?? '',
    }));
  }

  /** Resolves with the position of the last. */
  async fill(): Promise<string> {
    const { store, events, say } = this.#options;
    for (const { id, orgId } of this.#agents)
      await store.append(`agent-${id}`, 'no-stream', agentFacts(id, orgId));
    let next = 0.1;
    for (let done = 0; done < events; ) {
      const count = Math.min(APPENDS_PER_BATCH, Math.ceil((events - done) / EVENTS_PER_APPEND));
      const appends = Array.from({ length: count }, (_, n) => this.#journal(n, EVENTS_PER_APPEND));
      await this.#append(appends);
      done += count * EVENTS_PER_APPEND;
      if (done / events < next) continue;
      say(`${done} events written`);
      next += 0.2;
    }
    await this.#mark();
    return store.headPosition();
  }

  /** Facts that readers look at: of the organisation, and of the installation. */
  async #mark(): Promise<void> {
    const { store, orgs } = this.#options;
    for (const orgId of [orgs[0] ?? '', null])
      await store.append(
        `marked-${orgId ?? 'all'}`,
        'no-stream',
        Array.from({ length: MARKED_COUNT / 2 }, () => fact(MARKED, { mark: 'new' }, orgId, 'proof')),
      );
  }

  /** Live traffic, so many events a second, until the signal. */
  async goOn(perSecond: number, signal: AbortSignal): Promise<number> {
    const started = performance.now();
    let written = 0;
    while (!signal.aborted) {
      const due = ((performance.now() - started) / 1_000) * perSecond;
      if (written < due) {
        await this.#append([this.#journal(Math.floor(this.#options.random() * AGENTS), 5)]);
        written += 5;
      }
      await delay(10);
    }
    return written;
  }

  #journal(offset: number, count: number): StreamAppend {
    const { id, orgId } = this.#agents[(this.#written + offset) % AGENTS] ?? { id: '', orgId: '' };
    const stream = `journal-${id}.1`;
    return {
      stream,
      expectedRevision: this.#revisions.get(stream) ?? 'no-stream',
      events: Array.from({ length: count }, (_, n) => journaled(id, orgId, this.#written * count + n)),
    };
  }

  async #append(appends: readonly StreamAppend[]): Promise<void> {
    const results = await this.#options.store.appendBatch(appends);
    for (const [index, result] of results.entries()) {
      if (result.outcome === 'conflict')
        throw new Error(`${result.stream}: a conflict in a stream of our own`);
      this.#revisions.set(appends[index]?.stream ?? '', result.revision);
    }
    this.#written += appends.length;
  }
}

function fact(type: string, data: object, orgId: string | null, actor: string): NewEvent {
  return { id: newId('evt'), type, v: 1, data, metadata: { orgId, actor, at: new Date().toISOString() } };
}

const KINDS = ['SecretUpdated', 'SecretRotated', 'AccessDenied', 'SecretCreated', 'HealthChanged'];

function journaled(agentId: string, orgId: string, n: number): NewEvent {
  const data = {
    path: `teams/payments/service-${n % 500}`,
    version: n % 40,
    principal: `app-${n % 30}`,
    bytes: 48,
  };
  return fact(KINDS[n % KINDS.length] ?? '', data, orgId, agentId);
}

/** Enrolled and revoked at once: the inventory has it, and nobody waits for its beats. */
function agentFacts(agentId: string, orgId: string): NewEvent[] {
  const end = new Date(Date.now() + 3_600_000).toISOString();
  const enrolled = {
    ...{ agentId, name: `history-${agentId.slice(-6)}`, nkey: 'U'.padEnd(56, 'A'), labels: { env: 'proof' } },
    ...{ version: '0.1.0', tokenId: newId('etk'), serial: '01', certificateExpiresAt: end },
  };
  return [
    fact('AgentEnrolled', enrolled, orgId, agentId),
    fact('AgentRevoked', { agentId, jwtExpiresAt: end }, orgId, 'usr_1'),
  ];
}
