import { batchSigningInput, type JournalReply, journalStream } from '@keyfleet/contracts';
import { nkeyPublicKey, verifyNkeySignature } from '@keyfleet/crypto';
import type { EventStore, NewEvent } from '@keyfleet/event-store';
import { type Clock, isKeyfleetError, toTimestamp } from '@keyfleet/kernel';
import { currentTraceparent, failpoint, isTracing, recordSpan } from '@keyfleet/platform';
import { agentStream } from '@keyfleet/registry/domain';
import { LRUCache } from 'lru-cache';
import { Admission } from './admission.js';
import type { AgentRecord } from './agent-record.js';
import type { AgentDirectory } from './agents.js';
import { Appender } from './appender.js';
import { type ReadBatch, readBatch } from './batch.js';
import type { Epochs } from './epochs.js';
import { examineEntries, linkOf, type PlacedEntry } from './examine.js';
import type { JournalHead, Journals } from './journals.js';
import { type IngestMetrics, NO_METRICS, type Outcome, type Stage } from './metrics.js';
import { type Placement, place } from './placement.js';
import { type Quarantine, type QuarantineReason, quarantined } from './quarantine.js';

export interface IngestOptions {
  readonly store: EventStore;
  readonly agents: AgentDirectory;
  readonly journals: Journals;
  readonly epochs: Epochs;
  readonly quarantine: Quarantine;
  readonly clock: Clock;
  readonly admission?: Admission;
  readonly metrics?: IngestMetrics;
  /** Told of what should not happen; the sender only learns that it may try again. */
  readonly onError?: (error: unknown) => void;
}

interface Answer {
  readonly outcome: Outcome;
  readonly reply: JournalReply;
}

interface Batch extends ReadBatch {
  readonly record: AgentRecord;
  readonly entries: readonly PlacedEntry[];
}

/** A conflict means another replica was faster; after so many the agent may ask again. */
const MAX_TRIES = 5;
const KEYS = 10_000;
/** Two copies of one agent make a new epoch with every batch; they are slowed down, not cut off. */
const TOO_MANY_FORKS_MS = 60_000;

/** Takes agents' journal batches: what it answers with a watermark is committed. Never throws, whatever comes. */
export class Ingest {
  readonly #options: IngestOptions;
  readonly #appender: Appender;
  readonly #admission: Admission;
  readonly #metrics: IngestMetrics;
  readonly #keys = new LRUCache<string, ReturnType<typeof nkeyPublicKey>>({ max: KEYS });

  constructor(options: IngestOptions) {
    this.#options = options;
    this.#appender = new Appender(options.store);
    this.#admission = options.admission ?? new Admission();
    this.#metrics = options.metrics ?? NO_METRICS;
  }

  async handle(subject: string, bytes: Uint8Array): Promise<JournalReply> {
    const started = this.#options.clock.monotonic();
    const { outcome, reply } = await this.#answer(subject, bytes);
    this.#metrics.batch(outcome, (this.#options.clock.monotonic() - started) / 1_000);
    await failpoint('ingest.before-reply');
    return reply;
  }

  async #answer(subject: string, bytes: Uint8Array): Promise<Answer> {
    try {
      if (this.#admission.full) return busy(this.#admission.retryAfterMs('live'));
      await failpoint('ingest.received');
      const stages = this.#stages();
      const read = readBatch(subject, bytes);
      stages('read');
      if ('reason' in read) return await this.#quarantine(subject, bytes, read.reason, read.pointers);
      const entered = this.#admission.enter(read.traffic);
      if ('retryAfterMs' in entered) return busy(entered.retryAfterMs);
      const leave = await entered;
      stages('wait');
      try {
        return await this.#take(read, subject, bytes);
      } finally {
        leave();
      }
    } catch (error) {
      if (isKeyfleetError(error, 'store.unavailable')) return refusal('unavailable', 'store.unavailable');
      this.#options.onError?.(error);
      return refusal('failed', 'store.unavailable');
    }
  }

  /** Each call says which stage has just ended. */
  #stages(): (stage: Stage) => void {
    const { clock } = this.#options;
    let before = clock.monotonic();
    let startedAt = performance.now();
    return (stage) => {
      const now = clock.monotonic();
      this.#metrics.stage(stage, (now - before) / 1_000);
      before = now;
      if (!isTracing()) return;
      recordSpan(`ingest ${stage}`, { startedAt });
      startedAt = performance.now();
    };
  }

  async #take(read: ReadBatch, subject: string, bytes: Uint8Array): Promise<Answer> {
    const { from, batch } = read;
    const stages = this.#stages();
    const record = await this.#options.agents.find(from.agentId);
    if (!record || record.orgId !== from.orgId) return refusal('refused-identity', 'agent.unknown');
    if (record.revoked) return refusal('refused-identity', 'agent.revoked');
    const last = linkOf(batch.entries.at(-1));
    if (!last) return this.#quarantine(subject, bytes, 'chain', [`/entries/${batch.entries.length - 1}`]);
    const input = batchSigningInput({ ...batch, seq: last.seq, hash: last.hash });
    if (!verifyNkeySignature(this.#keyOf(record.nkey), input, batch.signature)) {
      this.#metrics.quarantined('signature');
      return refusal('refused-identity', 'agent.signature-invalid');
    }
    stages('verify');
    const receivedAt = toTimestamp(this.#options.clock.now());
    const owner = { orgId: record.orgId, agentId: record.agentId, epoch: batch.epoch, receivedAt };
    const entries = examineEntries(batch.entries, owner);
    stages('examine');
    if ('unplaceable' in entries) return this.#quarantine(subject, bytes, 'chain', [entries.unplaceable]);
    await failpoint('ingest.validated');
    return this.#settle({ ...read, record, entries });
  }

  /** Compares, appends and, where another was faster, looks again. */
  async #settle(batch: Batch): Promise<Answer> {
    let { record } = batch;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const answer = await this.#tryToSettle({ ...batch, record });
      if (answer) return answer;
      const now = await this.#options.agents.find(record.agentId);
      if (!now) return refusal('refused-identity', 'agent.unknown');
      record = now;
    }
    return busy(this.#admission.retryAfterMs(batch.traffic));
  }

  async #tryToSettle(batch: Batch): Promise<Answer | undefined> {
    const { record, entries } = batch;
    const { epoch } = batch.batch;
    const { journals, epochs } = this.#options;
    // The store was restored from a time before this epoch: only sync can tell how to go on.
    if (epoch > record.epoch) return refusal('conflict', 'resource.conflict');
    const stages = this.#stages();
    const placement = await place({ journals, record, epoch, entries });
    stages('place');
    if (placement.kind === 'append') return this.#append(batch, placement);
    if (placement.kind === 'stored') return stored('repeated', epoch, entries.at(-1) as PlacedEntry);
    if (placement.kind === 'behind') return behind(epoch, placement.head);
    const forkedAt = (entries[placement.index] as PlacedEntry).seq;
    const fork = await epochs.fork(record, { epoch, forkedAt, head: placement.head });
    if (fork === 'later') return busy(TOO_MANY_FORKS_MS * (0.5 + Math.random()));
    if (fork) this.#metrics.newEpoch('fork');
    return fork && { outcome: 'forked', reply: fork };
  }

  async #append(
    batch: Batch,
    { index }: Extract<Placement, { kind: 'append' }>,
  ): Promise<Answer | undefined> {
    const { record } = batch;
    const { journals } = this.#options;
    const fresh = batch.entries.slice(index);
    const first = fresh[0] as PlacedEntry;
    const last = fresh.at(-1) as PlacedEntry;
    await failpoint('ingest.before-append');
    const stages = this.#stages();
    const append = {
      stream: journalStream(record.agentId, record.epoch),
      expectedRevision: first.seq === 1 ? ('no-stream' as const) : BigInt(first.seq - 2),
      events: traced(fresh),
      // Another replica may have begun a newer epoch since the record was read, and moved these entries there.
      provided: { stream: agentStream(record.agentId), revision: record.revision },
    };
    const result = await this.#appender.append(append).catch((error: unknown) => {
      journals.forget(record);
      throw error;
    });
    stages('append');
    await failpoint('ingest.after-append');
    if (result.outcome === 'conflict') {
      journals.forget(record);
      if (result.stream === append.provided.stream) this.#options.agents.forget(record.agentId);
      return undefined;
    }
    journals.committed(record, { seq: last.seq, hash: last.hash });
    this.#metrics.stored(fresh.length);
    for (const { refused } of fresh) if (refused) this.#metrics.refused(refused);
    return stored('stored', record.epoch, last);
  }

  /** Kept first, answered then: a process that dies in between has forgotten nothing. */
  async #quarantine(
    subject: string,
    bytes: Uint8Array,
    reason: QuarantineReason,
    pointers?: readonly string[],
  ): Promise<Answer> {
    await this.#options.quarantine.keep(quarantined(subject, bytes, { reason, pointers }));
    this.#metrics.quarantined(reason);
    return refusal('quarantined', reason === 'too-large' ? 'request.too-large' : 'request.invalid');
  }

  #keyOf(nkey: string): ReturnType<typeof nkeyPublicKey> {
    let key = this.#keys.get(nkey);
    if (!key) this.#keys.set(nkey, (key = nkeyPublicKey(nkey)));
    return key;
  }
}

/** Events remember the trace they came by, where that is exported. */
function traced(entries: readonly PlacedEntry[]): NewEvent[] {
  const traceparent = currentTraceparent();
  if (traceparent === undefined) return entries.map(({ event }) => event);
  return entries.map(({ event }) => ({ ...event, metadata: { ...event.metadata, traceparent } }));
}

function refusal(outcome: Outcome, code: Extract<JournalReply, { code: string }>['code']): Answer {
  return { outcome, reply: { code } };
}

function busy(retryAfterMs: number): Answer {
  return { outcome: 'busy', reply: { retryAfterMs: Math.ceil(retryAfterMs) } };
}

function stored(outcome: 'stored' | 'repeated', epoch: number, { seq, hash }: PlacedEntry): Answer {
  return { outcome, reply: { epoch, seq, hash } };
}

/** A lower watermark than the agent has; without a hash to show there is only sync. */
function behind(epoch: number, { seq, hash }: JournalHead): Answer {
  return hash === null
    ? refusal('conflict', 'resource.conflict')
    : { outcome: 'behind', reply: { epoch, seq, hash } };
}
