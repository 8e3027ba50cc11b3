import {
  batchSigningInput,
  type JournalBatch,
  type JournalEntry,
  type JournalReply,
  journalReply,
  MAX_BATCH_BYTES,
  MAX_BATCH_ENTRIES,
} from '@keyfleet/contracts';
import { currentTraceparent, inSpan } from '@keyfleet/platform';
import type { Broker } from './broker.js';
import { type Accepted, sendable } from './held-back.js';
import type { BatchResult, LinkLogger, OnBatch } from './host.js';
import { reasonOf } from './identity/enrol.js';
import type { IdentityStore } from './identity/store.js';
import type { Journal } from './journal/journal.js';
import { backoff, fullJitter, type Pace } from './pace.js';
import { Signal } from './signal.js';
import type { SyncOutcome } from './sync.js';

export interface UploadOptions {
  readonly journal: Journal;
  readonly broker: Broker;
  readonly store: IdentityStore;
  readonly pace: Pace;
  readonly random: () => number;
  readonly logger: LinkLogger;
  sync(): Promise<SyncOutcome>;
  /** The registry answered over this connection. */
  onSynced(): void;
  onAcknowledged(): void;
  onRevoked(): void;
  /** The control plane has no such agent. */
  onUnknown(): void;
  readonly onBatch?: OnBatch;
  /** So long has what is not urgent; 0 as a rule. */
  quietMs(): number;
}

/** What to do after an answer. */
type Next =
  | { readonly kind: 'go on' }
  | { readonly kind: 'idle' }
  | { readonly kind: 'sync' }
  | ({ readonly kind: 'wait' } & Wait);

interface Wait {
  readonly ms: number;
  readonly thenSync?: boolean;
}

const SPAN = 'upload journal batch';
const TIMEOUT_MS = 15_000;
/** What happens within so long after one entry goes into the same batch. */
const LINGER_MS = 100;
/** Another process of this agent may append too, and nobody tells us. */
const LOOK_MS = 10_000;
/** What a control plane announces, and that it was restored, is noticed by whoever has nothing to send, too. */
const RESYNC_MS = 3_600_000;
const AGAIN = { firstMs: 1_000, ceilingMs: 30_000 };
/** For answers that will be the same for a long time, whatever we do. */
const RARELY = { firstMs: 60_000, ceilingMs: 3_600_000 };
/** Held-back entries wait for an upgraded control plane. */
const HELD_BACK_MS = 600_000;
const MAX_RETRY_AFTER_MS = 300_000;

/**
 * Brings the journal to the control plane: in order, one batch at a time, over and over until a watermark comes that
 * our own journal has. An outage of two minutes and one of seven weeks take this same path.
 */
export class Upload {
  readonly #options: UploadOptions;
  /** Something was appended, or the connection is a new one. */
  readonly #wake = new Signal();
  readonly #connections = new Signal();
  #accepted: Accepted = {};
  #synced = false;
  #resyncAt = 0;
  #failures = 0;
  /** Sends from here where everything has to be sent again; otherwise from the watermark. */
  #cursor: number | undefined;
  #limit = { entries: MAX_BATCH_ENTRIES, bytes: MAX_BATCH_BYTES };

  constructor(options: UploadOptions) {
    this.#options = options;
  }

  /** A new connection: what the other side knows may be another than before. */
  reconnected(): void {
    this.#synced = false;
    this.#failures = 0;
    this.#connections.set();
    this.#wake.set();
  }

  async run(signal: AbortSignal): Promise<void> {
    const stopListening = this.#options.journal.onAppend(() => this.#wake.set());
    try {
      while (!signal.aborted) await this.#step(signal);
    } finally {
      stopListening();
    }
  }

  async #step(signal: AbortSignal): Promise<void> {
    const { broker, logger } = this.#options;
    // Before reading the journal: what is appended from here on wakes us again.
    const { count } = this.#wake;
    if (!broker.connected) return this.#wake.after(count, signal);
    const next = await this.#advance().catch((error: unknown): Next => {
      logger.debug({ reason: reasonOf(error) }, 'A step of the upload failed and is made again.');
      return this.#again(AGAIN);
    });
    if (next.kind === 'sync') this.#synced = false;
    else if (next.kind === 'idle') await this.#idle(count, signal);
    else if (next.kind === 'wait') await this.#wait(next, signal);
  }

  /** Until there is something new, and a moment longer for what comes with it. */
  async #idle(count: number, signal: AbortSignal): Promise<void> {
    await this.#sleepUnless(this.#wake, count, { ms: LOOK_MS, signal });
    if (performance.now() > this.#resyncAt) this.#synced = false;
    else if (this.#synced) {
      await this.#options.pace.sleep(LINGER_MS, signal);
      await this.#keepQuiet(signal);
    }
  }

  /** That a policy was applied has time where many apply it at once; whatever else happens meanwhile has none. */
  async #keepQuiet(signal: AbortSignal): Promise<void> {
    const { journal, quietMs } = this.#options;
    const connection = this.#connections.count;
    for (let ms = quietMs(); ms > 0 && !signal.aborted; ms = quietMs()) {
      const { count } = this.#wake;
      const pending = journal.pending(this.#limit, this.#cursor);
      if (pending.some(({ type }) => type !== 'PolicyApplied')) return;
      const isDue = await this.#sleepUnless(this.#wake, count, { ms, signal });
      if (isDue || this.#connections.count !== connection) return;
    }
  }

  /** A new connection ends every waiting: it may lead to somebody who answers otherwise. */
  async #wait({ ms, thenSync }: Wait, signal: AbortSignal): Promise<void> {
    if (thenSync) this.#synced = false;
    await this.#sleepUnless(this.#connections, this.#connections.count, { ms, signal });
  }

  /** Whether it slept to its end: `woken` being set after its `count` was read ends it, and so does the signal. */
  async #sleepUnless(
    woken: Signal,
    count: number,
    { ms, signal }: { readonly ms: number; readonly signal: AbortSignal },
  ): Promise<boolean> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const slept = this.#options.pace.sleep(ms, either);
    const wasWoken = woken.after(count, either).then(() => false);
    const isDue = await Promise.race([slept, wasWoken]);
    // Without a reason of ours an exception would be made for each, stack and all.
    over.abort('over');
    return isDue;
  }

  /** One question and its answer. */
  async #advance(): Promise<Next> {
    if (!this.#synced) return this.#sync();
    const pending = this.#options.journal.pending(this.#limit, this.#cursor);
    if (pending.length === 0) return { kind: 'idle' };
    const entries = sendable(pending, this.#accepted);
    if (entries.length === 0) return { kind: 'wait', ms: HELD_BACK_MS, thenSync: true };
    const batch = this.#sign(entries);
    const began = performance.now();
    const reply = await inSpan(SPAN, { kind: 'producer', attributes: attributesOf(batch) }, () =>
      this.#ask(batch),
    );
    this.#options.onBatch?.(kindOf(reply), entries.length, (performance.now() - began) / 1_000);
    return this.#follow(reply, entries);
  }

  async #ask(batch: JournalBatch): Promise<JournalReply> {
    const payload = JSON.stringify(batch);
    const bytes = await this.#options.broker.request('ev', payload, TIMEOUT_MS, currentTraceparent());
    return journalReply.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  }

  async #sync(): Promise<Next> {
    const { journal, logger } = this.#options;
    const outcome = await this.#options.sync();
    if (outcome.kind === 'later') return { kind: 'wait', ms: bounded(outcome.retryAfterMs) };
    if (outcome.kind === 'refused') return this.#refused(outcome.code);
    this.#accepted = outcome.accepted;
    this.#synced = true;
    this.#resyncAt = performance.now() + this.#options.pace.real(RESYNC_MS * (0.5 + this.#options.random()));
    this.#options.onSynced();
    const oldest = journal.oldestSeq();
    this.#cursor = outcome.sendAll && oldest !== null ? oldest - 1 : undefined;
    if (outcome.sendAll)
      logger.warn(
        {},
        'The control plane has another journal of ours than we; everything kept is sent again.',
      );
    return { kind: 'go on' };
  }

  #sign(entries: readonly JournalEntry[]): JournalBatch {
    const { key, current } = this.#options.store;
    const last = entries.at(-1);
    if (!current || !last) throw new Error('nothing to sign');
    const { agentId } = current;
    const { epoch, seq, hash } = last;
    const signature = key.sign(batchSigningInput({ agentId, epoch, seq, hash }));
    return { v: 1, agentId, epoch, entries: [...entries], signature };
  }

  #follow(reply: JournalReply, sent: readonly JournalEntry[]): Next {
    if ('retryAfterMs' in reply) return { kind: 'wait', ms: bounded(reply.retryAfterMs) };
    if ('code' in reply) return this.#refused(reply.code);
    if ('forkedAt' in reply) return this.#fork(reply);
    const known = sent.some(
      ({ epoch, seq, hash }) => epoch === reply.epoch && seq === reply.seq && hash === reply.hash,
    );
    // Lower than what we sent, or not ours: only sync can tell how to go on.
    if (!known) return this.#again(AGAIN, { thenSync: true, atOnce: 1 });
    this.#succeeded(reply);
    return { kind: 'go on' };
  }

  #succeeded(watermark: { epoch: number; seq: number; hash: string }): void {
    const { journal, onAcknowledged } = this.#options;
    this.#failures = 0;
    this.#limit = { entries: MAX_BATCH_ENTRIES, bytes: MAX_BATCH_BYTES };
    const { seq } = journal.acknowledged();
    if (watermark.seq > seq) journal.acknowledge(watermark);
    if (this.#cursor !== undefined) this.#cursor = watermark.seq >= seq ? undefined : watermark.seq;
    onAcknowledged();
  }

  /** The one hash beside sync's that is taken without having it; still nothing is moved that cannot be. */
  #fork({ epoch, forkedAt, prev }: Extract<JournalReply, { forkedAt: number }>): Next {
    const { journal, logger } = this.#options;
    const head = journal.head();
    const oldest = journal.oldestSeq() ?? head.seq + 1;
    if (epoch <= head.epoch || forkedAt < oldest || forkedAt > head.seq + 1)
      return this.#again(AGAIN, { thenSync: true, atOnce: 1 });
    journal.startEpoch({ epoch, prev, rechainFrom: forkedAt });
    this.#cursor = undefined;
    this.#failures = 0;
    logger.warn({ epoch, forkedAt }, 'The journal goes on in a new epoch: this disk was rolled back once.');
    return { kind: 'go on' };
  }

  #refused(code: string): Next {
    const { logger, onRevoked, onUnknown } = this.#options;
    switch (code) {
      case 'store.unavailable':
        return this.#again(AGAIN);
      case 'resource.conflict':
        return this.#again(AGAIN, { thenSync: true, atOnce: 1 });
      case 'request.too-large':
      case 'request.invalid':
        // Fewer at a time: what cannot be taken shall not hold up what comes before it.
        if (this.#limit.entries > 1) {
          this.#limit = {
            entries: Math.ceil(this.#limit.entries / 2),
            bytes: Math.ceil(this.#limit.bytes / 2),
          };
          return { kind: 'go on' };
        }
        logger.error(
          { code },
          'The control plane refuses the next journal entry; it is offered again, rarely.',
        );
        return this.#again(RARELY, { thenSync: true });
      case 'agent.revoked':
        onRevoked();
        return { kind: 'wait', ms: RARELY.ceilingMs, thenSync: true };
      case 'agent.unknown':
        logger.warn(
          {},
          'The control plane does not know this agent, as after a restore; it introduces itself.',
        );
        onUnknown();
        return this.#again(RARELY, { thenSync: true });
      default:
        logger.error({ code }, 'The control plane does not take our journal; it is offered again, rarely.');
        return this.#again(RARELY, { thenSync: true });
    }
  }

  /** The first `atOnce` times without waiting, then ever more slowly. */
  #again(
    ladder: { firstMs: number; ceilingMs: number },
    { thenSync = false, atOnce = 0 }: { thenSync?: boolean; atOnce?: number } = {},
  ): Next {
    this.#failures += 1;
    if (this.#failures <= atOnce) return { kind: 'sync' };
    const ms = fullJitter(backoff(this.#failures - atOnce, ladder), this.#options.random);
    return { kind: 'wait', ms, thenSync };
  }
}

function kindOf(reply: JournalReply): BatchResult {
  if ('retryAfterMs' in reply) return 'later';
  if ('code' in reply) return 'refused';
  return 'forkedAt' in reply ? 'forked' : 'acknowledged';
}

function attributesOf({ agentId, epoch, entries }: JournalBatch) {
  const [first, last] = [entries[0], entries.at(-1)] as JournalEntry[];
  return {
    'messaging.system': 'nats',
    'keyfleet.agent.id': agentId,
    'keyfleet.journal.epoch': epoch,
    'keyfleet.journal.first_seq': first?.seq,
    'keyfleet.journal.last_seq': last?.seq,
  };
}

function bounded(retryAfterMs: number): number {
  return Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
}
