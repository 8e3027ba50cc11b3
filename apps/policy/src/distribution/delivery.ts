import type { policyPush } from '@keyfleet/contracts';
import { manifestLines, type PolicyManifest } from '@keyfleet/contracts';
import { agentSubject } from '@keyfleet/contracts/messages';
import { type Clock, toTimestamp } from '@keyfleet/kernel';
import { failpoint } from '@keyfleet/platform';
import type { Sql } from '@keyfleet/postgres';
import type { NatsConnection } from '@nats-io/transport-node';
import type { z } from 'zod';
import { readUnanswered, readUnsigned, saveManifests, type Unsigned } from './desired-table.js';
import type { DistributionMetrics } from './metrics.js';
import type { Signer } from './signer.js';

export interface DeliveryParts {
  readonly sql: Sql;
  readonly signer: Signer;
  readonly nats: Pick<NatsConnection, 'publish'>;
  readonly clock: Clock;
  readonly metrics: Pick<DistributionMetrics, 'signed' | 'pushed'>;
}

/** As many as the authority signs at a time. */
const BATCH = 1_000;
/** While one batch is signed the one before is stored and pushed. */
const AT_ONCE = 2;

/** Has manifests signed, stores them and tells the agents. Each step is done again where it was cut off. */
export class Delivery {
  readonly #parts: DeliveryParts;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  /** Whatever of an organisation has no manifest yet. */
  async deliver(orgId: string, signal: AbortSignal): Promise<void> {
    const left = await readUnsigned(this.#parts.sql, orgId);
    const work = async (): Promise<void> => {
      while (left.length > 0 && !signal.aborted) await this.#deliver(orgId, left.splice(0, BATCH));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  /** To agents that are online and have not said anything about what they were given before this moment. */
  async remind(orgId: string, before: number): Promise<void> {
    const manifests = await readUnanswered(this.#parts.sql, orgId, toTimestamp(before));
    for (const manifest of manifests) this.#push(manifest);
    this.#parts.metrics.pushed(manifests.length, 'again');
  }

  async #deliver(orgId: string, batch: readonly Unsigned[]): Promise<void> {
    const { signer, clock, sql, metrics } = this.#parts;
    const issuedAt = toTimestamp(clock.now());
    const plain = batch.map((unsigned) => ({ v: 1 as const, orgId, ...unsigned, issuedAt }));
    const { key, signatures } = await signer.sign('keyfleet.manifest.v1', plain.map(manifestLines));
    metrics.signed(batch.length);
    await failpoint('distribution.after-signed');
    const manifests = plain.map((manifest, index) => ({
      ...{ ...manifest, key, signature: signatures[index] ?? '' },
    }));
    const saved = await saveManifests(sql, manifests);
    await failpoint('distribution.after-saved');
    const wanted = manifests.filter(({ agentId }) => saved.has(agentId));
    for (const manifest of wanted) this.#push(manifest);
    metrics.pushed(wanted.length, 'new');
  }

  #push(manifest: PolicyManifest): void {
    const { nats } = this.#parts;
    const message: z.input<typeof policyPush> = { v: 1, manifest };
    nats.publish(agentSubject(manifest, 'cmd'), JSON.stringify(message));
  }
}
