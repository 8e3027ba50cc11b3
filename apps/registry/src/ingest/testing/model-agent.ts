import { batchSigningInput, GENESIS_HASH, type JournalEntry } from '@keyfleet/contracts';
import { AgentEnrolled, make } from '@keyfleet/contracts/events';
import { agentSubject } from '@keyfleet/contracts/messages';
import { chainEntry, newNkeySeed, nkeySigner } from '@keyfleet/crypto';
import type { EventStore } from '@keyfleet/event-store';
import { newId } from '@keyfleet/platform';

const AT = '2026-03-01T10:00:00.000Z';

export interface Body {
  readonly id: string;
  readonly type: string;
  readonly v: number;
  readonly data: Record<string, unknown>;
}

export function secretUpdated(version = 1): Body {
  return {
    id: newId('evt'),
    type: 'SecretUpdated',
    v: 1,
    data: { path: 'team/app/db-password', version, principal: 'app:billing' },
  };
}

/** An agent as far as its journal goes: it chains, signs and can forget, and leaves what to send to the test. */
export class ModelAgent {
  readonly orgId = newId('org');
  readonly agentId = newId('agt');
  readonly #signer = nkeySigner(newNkeySeed());
  epoch = 1;
  prev = GENESIS_HASH;
  entries: JournalEntry[] = [];

  get subject(): string {
    return agentSubject(this, 'ev');
  }

  get nkey(): string {
    return this.#signer.nkey;
  }

  async enrol(store: EventStore): Promise<this> {
    const fact = make(AgentEnrolled, {
      agentId: this.agentId,
      name: 'site-1',
      nkey: this.nkey,
      labels: {},
      version: '1.0.0',
      tokenId: newId('etk'),
      serial: '01',
      certificateExpiresAt: AT,
    });
    const metadata = { orgId: this.orgId, actor: this.agentId, at: AT };
    await store.append(`agent-${this.agentId}`, 'no-stream', [{ ...fact, id: newId('evt'), metadata }]);
    return this;
  }

  /** Chains these after what there is. */
  record(...bodies: Body[]): JournalEntry[] {
    const added: JournalEntry[] = [];
    for (const { id, type, v, data } of bodies) {
      const { orgId, agentId, epoch } = this;
      const before = this.entries.at(-1);
      const seq = (before?.seq ?? 0) + 1;
      const prev = before?.hash ?? this.prev;
      const entry = chainEntry({ id, orgId, agentId, epoch, seq, type, v, at: AT, data, prev });
      this.entries.push(entry);
      added.push(entry);
    }
    return added;
  }

  recordMany(count: number): JournalEntry[] {
    return this.record(...Array.from({ length: count }, (_, index) => secretUpdated(index + 1)));
  }

  /** As told by a fork: entries from `forkedAt` on go on as seq 1 of the new epoch. */
  move(fork: { forkedAt: number; epoch: number; prev: string }): void {
    const moved = this.entries.filter(({ seq }) => seq >= fork.forkedAt);
    this.epoch = fork.epoch;
    this.prev = fork.prev;
    this.entries = [];
    this.record(...moved);
  }

  /** A signed batch of these entries, as bytes on the wire. */
  batch(entries: readonly unknown[] = this.entries, changes: Record<string, unknown> = {}): Uint8Array {
    const last = entries.at(-1) as JournalEntry;
    const { agentId, epoch } = this;
    const input = batchSigningInput({ agentId, epoch, seq: last?.seq, hash: last?.hash });
    const signature = this.#signer.sign(input);
    return Buffer.from(JSON.stringify({ v: 1, agentId, epoch, entries, signature, ...changes }));
  }
}
