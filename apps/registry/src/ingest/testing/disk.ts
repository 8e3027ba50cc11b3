import { type JournalReply, type SyncReply, syncReply } from '@keyfleet/contracts';
import { agentSubject } from '@keyfleet/contracts/messages';
import type { ModelAgent } from './model-agent.js';
import type { Plane } from './plane.js';

type Place = Extract<SyncReply, { watermark: unknown }>;
/** What stands on a disk. */
export type Image = Pick<ModelAgent, 'epoch' | 'prev' | 'entries'> & {
  readonly acknowledged: number;
  /** Everything this disk ever recorded, as far as it remembers. */
  readonly told: readonly string[];
};

export interface Conversation {
  /** Entries in a batch; all by default. */
  readonly batch?: number;
  /** So many answers are heard, and the next is lost on its way; all are heard by default. */
  readonly heard?: number;
}

/** A model agent's disk, which can be put back to an image, or copied to a twin, and its link, which goes by the answers. */
export class Disk {
  readonly agent: ModelAgent;
  readonly #plane: Pick<Plane, 'ingest' | 'sync'>;
  #acknowledged = 0;
  #told: readonly string[] = [];

  constructor(plane: Pick<Plane, 'ingest' | 'sync'>, agent: ModelAgent) {
    this.#plane = plane;
    this.agent = agent;
  }

  get told(): readonly string[] {
    return this.#told;
  }

  record(count: number): void {
    this.#told = [...this.#told, ...this.agent.recordMany(count).map(({ id }) => id)];
  }

  image(): Image {
    const { epoch, prev, entries } = this.agent;
    return { epoch, prev, entries: [...entries], acknowledged: this.#acknowledged, told: this.#told };
  }

  putBack({ epoch, prev, entries, acknowledged, told }: Image): void {
    Object.assign(this.agent, { epoch, prev, entries: [...entries] });
    this.#acknowledged = acknowledged;
    this.#told = told;
  }

  /** Drops the oldest of what was acknowledged. Of the last one its hash stays known, as `prev` of what follows. */
  prune(count: number): void {
    const kept = this.agent.entries.slice(count);
    if (kept.length > 0 && (this.agent.entries[count - 1]?.seq ?? 0) <= this.#acknowledged)
      this.agent.entries = kept;
  }

  /** Asks, and sends until everything it keeps is acknowledged. False where an answer was lost before. */
  async talk({ batch = 100, heard = Number.POSITIVE_INFINITY }: Conversation = {}): Promise<boolean> {
    let left = heard;
    const place = syncReply.parse(await this.#ask()) as Place;
    if (left-- <= 0) return false;
    let cursor = this.#follow(place);
    for (;;) {
      const entries = this.agent.entries.filter(({ seq }) => seq > cursor).slice(0, batch);
      if (entries.length === 0) return true;
      const reply = await this.#plane.ingest.handle(this.agent.subject, this.agent.batch(entries));
      if (left-- <= 0) return false;
      cursor = this.#heard(reply);
    }
  }

  #ask(): Promise<SyncReply> {
    const { agentId, epoch, prev, entries } = this.agent;
    const [oldest, newest] = [entries[0], entries.at(-1)];
    const request = {
      ...{ v: 1, agentId, bootId: '01932b1e-7c3a-7abc-8def-0123456789ab', agentVersion: '1.0.0' },
      head: { epoch, seq: newest?.seq ?? 0, hash: newest?.hash ?? prev },
      oldestSeq: oldest?.seq ?? null,
      oldestPrev: oldest?.prev ?? null,
    };
    return this.#plane.sync.handle(
      agentSubject(this.agent, 'rpc.sync'),
      Buffer.from(JSON.stringify(request)),
    );
  }

  /** The seq after which to send. */
  #follow({ epoch, watermark, prev, rechainFrom }: Place): number {
    const { agent } = this;
    if (epoch > agent.epoch)
      return this.#move({ epoch, prev, forkedAt: rechainFrom ?? Number.MAX_SAFE_INTEGER });
    const { entries } = agent;
    const after = entries.find(({ seq }) => seq === watermark.seq + 1);
    const hash = after?.prev ?? entries.find(({ seq }) => seq === watermark.seq)?.hash ?? agent.prev;
    if (epoch < agent.epoch || hash !== watermark.hash) return (entries[0]?.seq ?? 1) - 1;
    this.#acknowledged = watermark.seq;
    return watermark.seq;
  }

  #heard(reply: JournalReply): number {
    if ('forkedAt' in reply) return this.#move(reply);
    if (!('hash' in reply)) throw new Error(`no watermark: ${JSON.stringify(reply)}`);
    this.#acknowledged = Math.max(this.#acknowledged, reply.seq);
    return reply.seq;
  }

  #move(fork: { epoch: number; prev: string; forkedAt: number }): number {
    this.agent.move(fork);
    this.#acknowledged = 0;
    return 0;
  }
}
