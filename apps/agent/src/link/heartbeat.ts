import { HEARTBEAT_MAX_MS, HEARTBEAT_MIN_MS, type Heartbeat, LATENCY_BUCKETS_MS } from '@keyfleet/contracts';
import { toTimestamp } from '@keyfleet/kernel';
import type { Broker } from './broker.js';
import type { LinkHost } from './host.js';
import type { IdentityStore } from './identity/store.js';
import type { Pace } from './pace.js';
import { Signal } from './signal.js';

export interface HeartbeatOptions {
  readonly host: Pick<LinkHost, 'journal' | 'config' | 'clock' | 'health' | 'policy'>;
  readonly store: IdentityStore;
  readonly broker: Broker;
  readonly pace: Pace;
  readonly random: () => number;
  /** After each beat that was sent. */
  readonly onBeat?: () => void;
}

/** Beats asked for one after the other become one. */
const LEAST_MS = 1_000;

/** Says every 24 to 30 s that the agent is there and how it is; at once when asked. */
export class Heart {
  readonly #options: HeartbeatOptions;
  readonly #asked = new Signal();
  #counter = 0;
  #latency: readonly number[] = LATENCY_BUCKETS_MS.map(() => 0).concat(0);

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  beatNow(): void {
    this.#asked.set();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { pace, random } = this.#options;
    while (!signal.aborted) {
      const { count } = this.#asked;
      const sent = this.#beat();
      if (sent) {
        this.#options.onBeat?.();
        await pace.sleep(LEAST_MS, signal);
      }
      const due = HEARTBEAT_MIN_MS - LEAST_MS + random() * (HEARTBEAT_MAX_MS - HEARTBEAT_MIN_MS);
      const over = new AbortController();
      const either = AbortSignal.any([signal, over.signal]);
      await Promise.race([pace.sleep(due, either), this.#asked.after(count, either)]);
      // Without a reason of ours an exception would be made for each, stack and all.
      over.abort('over');
    }
  }

  #beat(): boolean {
    const { broker, store } = this.#options;
    const identity = store.current;
    if (!broker.connected || !identity) return false;
    const latency = this.#options.host.health().latency;
    const sent = broker.publish('hb', JSON.stringify(this.#compose(identity.agentId, latency)));
    // What was not told stays in the next beat.
    if (sent) this.#latency = latency;
    return sent;
  }

  #compose(agentId: string, latency: readonly number[]): Heartbeat {
    const { journal, config, clock, health, policy } = this.#options.host;
    const { storage, seal, secrets } = health();
    const { epoch, seq } = journal.head();
    this.#counter += 1;
    return {
      v: 1,
      agentId,
      bootId: config.bootId,
      counter: this.#counter,
      at: toTimestamp(clock.now()),
      agentVersion: config.agentVersion,
      journal: { epoch, seq, acknowledged: journal.acknowledged().seq },
      policy: policy(),
      secrets,
      storage,
      seal,
      latency: latency.map((count, bucket) => Math.max(count - (this.#latency[bucket] ?? 0), 0)),
    };
  }
}
