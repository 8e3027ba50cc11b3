import { GENESIS_HASH, type SyncReply, type SyncRequest, syncRequest } from '@keyfleet/contracts';
import { type AgentAddress, parseAgentSubject } from '@keyfleet/contracts/messages';
import { type Clock, isKeyfleetError } from '@keyfleet/kernel';
import { ACCEPTED_EVENTS } from '../ingest/accepted.js';
import type { AgentRecord } from '../ingest/agent-record.js';
import type { AgentDirectory } from '../ingest/agents.js';
import type { Epochs } from '../ingest/epochs.js';
import type { JournalHead, Journals } from '../ingest/journals.js';
import type { IngestMetrics } from '../ingest/metrics.js';
import { pointersOf } from '../ingest/pointers.js';
import { type Quarantine, quarantined } from '../ingest/quarantine.js';

/** What every agent is told beside its own place: how to come back, whom to believe. */
export interface Announcements {
  /** clamp(agents / 200 s, 5, 120), in milliseconds. */
  reconnectWindowMs(): number | Promise<number>;
  /** PEM, at most two. */
  trustBundle(): readonly string[] | Promise<readonly string[]>;
  /** Public NKeys whose commands count, at most two. */
  commandKeys(): readonly string[] | Promise<readonly string[]>;
}

export interface SyncOptions {
  readonly agents: AgentDirectory;
  readonly journals: Journals;
  readonly epochs: Epochs;
  readonly quarantine: Quarantine;
  readonly announcements: Announcements;
  readonly clock: Clock;
  readonly metrics?: Pick<IngestMetrics, 'newEpoch'>;
  readonly onError?: (error: unknown) => void;
}

/** Where the agent goes on. */
interface Place {
  readonly epoch: number;
  readonly watermark: { readonly seq: number; readonly hash: string };
  readonly prev: string;
  readonly rechainFrom: number | null;
}

const MAX_REQUEST_BYTES = 8 * 1024;
const MAX_TRIES = 5;
const RETRY_MS = 1_000;
const TOO_MANY_EPOCHS_MS = 60_000;

/** The reconnect window for so many agents: 200 of them a second, within 5 s and 2 min. */
export function reconnectWindowMs(agents: number): number {
  return Math.min(Math.max(agents / 200, 5), 120) * 1_000;
}

/** Answers `rpc.sync`: what is committed, and what an agent does whose journal and the store have come apart. */
export class Sync {
  readonly #options: SyncOptions;

  constructor(options: SyncOptions) {
    this.#options = options;
  }

  /** Never throws, whatever comes. */
  async handle(subject: string, bytes: Uint8Array): Promise<SyncReply> {
    try {
      const read = readRequest(subject, bytes);
      if ('reason' in read) {
        await this.#options.quarantine.keep(quarantined(subject, bytes, read));
        return { code: 'request.invalid' };
      }
      return await this.#answer(read.from, read.request);
    } catch (error) {
      if (!isKeyfleetError(error, 'store.unavailable')) this.#options.onError?.(error);
      return { code: 'store.unavailable' };
    }
  }

  async #answer(from: AgentAddress, request: SyncRequest): Promise<SyncReply> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const record = await this.#options.agents.find(from.agentId);
      if (!record || record.orgId !== from.orgId) return { code: 'agent.unknown' };
      if (record.revoked) return { code: 'agent.revoked' };
      const place = await this.#place(record, request);
      if (place === 'later') return { retryAfterMs: TOO_MANY_EPOCHS_MS };
      if (place) return { ...place, ...(await this.#announce()) };
    }
    return { retryAfterMs: RETRY_MS };
  }

  /** Undefined where the agent's stream changed meanwhile. */
  async #place(record: AgentRecord, request: SyncRequest): Promise<Place | 'later' | undefined> {
    const { epoch } = request.head;
    if (epoch === record.epoch) return this.#inCurrentEpoch(record, request);
    return epoch < record.epoch ? this.#inFormerEpoch(record, request) : this.#inLostEpoch(record, request);
  }

  async #inCurrentEpoch(record: AgentRecord, request: SyncRequest): Promise<Place | 'later' | undefined> {
    const head = await this.#options.journals.head(record);
    const { epoch } = record;
    const next = head.seq + 1;
    const oldest = oldestOf(request);
    if (request.head.seq >= next && oldest > next)
      return this.#afterGap({ record, request, head }, { epoch, from: next, to: oldest - 1 });
    return { epoch, watermark: known(head, record), prev: record.prev, rechainFrom: null };
  }

  /**
   * Of a gap that the agent did not hear of it is told again: nothing it keeps is stored. A fork is not for us to repeat,
   * because heads and places do not tell this disk from an earlier image of it or from its twin: the agent sends what it
   * has as it has it, and ingest finds the first entry that is not stored anywhere, and repeats the fork where it is that.
   */
  async #inFormerEpoch(record: AgentRecord, request: SyncRequest): Promise<Place | 'later' | undefined> {
    const { epoch } = request.head;
    const move = await this.#options.epochs.unusedMove(record, epoch);
    if (move?.by === 'gap') {
      const { from, to, prev } = move;
      const oldest = oldestOf(request);
      if (oldest === from) return { epoch: to, watermark: { seq: 0, hash: prev }, prev, rechainFrom: from };
      // Since it asked, it has dropped some that the store had acknowledged before it was put back.
      const unused = { seq: 0, hash: prev };
      if (oldest > from)
        return this.#afterGap({ record, request, head: unused }, { epoch, from, to: oldest - 1 });
    }
    // The beginning of a former epoch is where the move into it says; of the first one, the genesis.
    const prev = record.moves.find(({ to }) => to === epoch)?.prev ?? GENESIS_HASH;
    const head = await this.#options.journals.head({ agentId: record.agentId, epoch, prev });
    return { epoch, watermark: known(head, { prev }), prev, rechainFrom: null };
  }

  /** The store was restored from before this epoch. It goes on where nothing is missing in between; else that is said. */
  async #inLostEpoch(record: AgentRecord, request: SyncRequest): Promise<Place | 'later' | undefined> {
    const { epoch, seq, hash } = request.head;
    const { journals, epochs } = this.#options;
    const head = await journals.head(record);
    const begins = request.oldestSeq === 1 || seq === 0;
    const prev = seq === 0 ? hash : request.oldestPrev;
    if (begins && prev !== null && prev === head.hash) {
      const begun = await epochs.adopt(record, head, { epoch, prev });
      if (begun !== 'begun') return begun;
      return { epoch, watermark: { seq: 0, hash: prev }, prev, rechainFrom: null };
    }
    return this.#afterGap({ record, request, head }, { epoch, from: 1, to: oldestOf(request) - 1 });
  }

  async #afterGap(
    { record, request, head }: { record: AgentRecord; request: SyncRequest; head: JournalHead },
    gap: { epoch: number; from: number; to: number },
  ): Promise<Place | 'later' | undefined> {
    const started = await this.#options.epochs.gap(record, head, gap);
    if (!started || started === 'later') return started;
    this.#options.metrics?.newEpoch('gap');
    const { epoch, prev } = started;
    return { epoch, watermark: { seq: 0, hash: prev }, prev, rechainFrom: oldestOf(request) };
  }

  async #announce() {
    const { announcements } = this.#options;
    const [window, bundle, keys] = await Promise.all([
      announcements.reconnectWindowMs(),
      announcements.trustBundle(),
      announcements.commandKeys(),
    ]);
    return {
      acceptedEvents: { ...ACCEPTED_EVENTS },
      reconnectWindowMs: Math.round(window),
      trustBundle: [...bundle],
      commandKeys: [...keys],
    };
  }
}

/** Of one that keeps nothing, its next entry: it may have recorded that since it asked. */
function oldestOf({ oldestSeq, head }: SyncRequest): number {
  return oldestSeq ?? head.seq + 1;
}

/** Of a trimmed entry only the place is left; no agent has this hash there, so none believes it blindly. */
function known(head: JournalHead, epoch: { readonly prev: string }): { seq: number; hash: string } {
  return { seq: head.seq, hash: head.hash ?? epoch.prev };
}

type Read =
  | { readonly from: AgentAddress; readonly request: SyncRequest }
  | { readonly reason: 'subject' | 'too-large' | 'malformed' | 'schema' | 'identity'; pointers?: string[] };

function readRequest(subject: string, bytes: Uint8Array): Read {
  const from = parseAgentSubject(subject);
  if (from?.kind !== 'rpc.sync') return { reason: 'subject' };
  if (bytes.byteLength > MAX_REQUEST_BYTES) return { reason: 'too-large' };
  let message: unknown;
  try {
    message = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return { reason: 'malformed' };
  }
  const parsed = syncRequest.safeParse(message);
  if (!parsed.success) return { reason: 'schema', pointers: pointersOf(parsed.error, message) };
  if (parsed.data.agentId !== from.agentId) return { reason: 'identity', pointers: ['/agentId'] };
  return { from, request: parsed.data };
}
