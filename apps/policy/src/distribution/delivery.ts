import {
  MAX_REPORT_WITHIN_MS,
  manifestLines,
  type PolicyManifest,
  type PolicyPush,
} from '@keyfleet/contracts';
import { agentSubject } from '@keyfleet/contracts/messages';
import { type Clock, toTimestamp } from '@keyfleet/kernel';
import { failpoint } from '@keyfleet/platform';
import type { Sql } from '@keyfleet/postgres';
import type { NatsConnection } from '@nats-io/transport-node';
import type { BundleCache } from './bundle-cache.js';
import {
  readSignedOtherwise,
  readUnanswered,
  readUnsigned,
  saveManifests,
  type Unsigned,
} from './desired-table.js';
import type { DistributionMetrics } from './metrics.js';
import type { Signer } from './signer.js';

export interface DeliveryParts {
  readonly sql: Sql;
  readonly signer: Signer;
  readonly bundles: BundleCache;
  readonly nats: Pick<NatsConnection, 'publish' | 'flush'>;
  readonly clock: Clock;
  readonly metrics: Pick<DistributionMetrics, 'signed' | 'pushed'>;
}

/** As many as the authority signs at a time. */
const BATCH = 1_000;
/** More than these wait for the next look at everything, so that a change of key is no storm. */
const RENEWED = 5_000;
/** While one batch is signed the one before is stored and pushed. */
const AT_ONCE = 2;
/** For each of those told at once: what they all say of it takes several times what telling them took. */
const REPORT_MS_EACH = 2;

/** How long so many agents may take to say what became of it, in milliseconds. */
export function reportWindow(agents: number): number {
  return Math.min(agents * REPORT_MS_EACH, MAX_REPORT_WITHIN_MS);
}

/** Has manifests signed, stores them and tells the agents. Each step is done again where it was cut off. */
export class Delivery {
  readonly #parts: DeliveryParts;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  /** Whatever of an organisation has no manifest yet. */
  async deliver(orgId: string, signal: AbortSignal): Promise<void> {
    const left = await readUnsigned(this.#parts.sql, orgId);
    const window = reportWindow(left.length);
    const work = async (): Promise<void> => {
      while (left.length > 0 && !signal.aborted) {
        const manifests = await this.#sign(orgId, left.splice(0, BATCH));
        await this.#hand(orgId, manifests, { window, kind: 'new' });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  /**
   * Has manifests that another key signed than this one, the authority's, signed again, and agents told: once they pin
   * the new key alone, they would refuse the others. Version and bundle stay what they are, so no rollout notices.
   */
  async renew(orgId: string, key: string, signal: AbortSignal): Promise<void> {
    const left = await readSignedOtherwise(this.#parts.sql, orgId, { key, limit: RENEWED });
    const window = reportWindow(left.length);
    while (left.length > 0 && !signal.aborted) {
      const manifests = await this.#sign(orgId, left.splice(0, BATCH));
      // A registry that still signs with the one before would only have them signed once more.
      if (manifests.some((manifest) => manifest.key !== key)) return;
      await this.#hand(orgId, manifests, { window, kind: 'again' });
    }
  }

  /** To agents that are online and have not said anything about what they were given before this moment. */
  async remind(orgId: string, before: number): Promise<void> {
    const manifests = await readUnanswered(this.#parts.sql, orgId, toTimestamp(before));
    const window = reportWindow(manifests.length);
    for (let from = 0; from < manifests.length; from += BATCH)
      await this.#push(orgId, manifests.slice(from, from + BATCH), window);
    this.#parts.metrics.pushed(manifests.length, 'again');
  }

  async #sign(orgId: string, batch: readonly Unsigned[]): Promise<PolicyManifest[]> {
    const { signer, clock, metrics } = this.#parts;
    const issuedAt = toTimestamp(clock.now());
    const plain = batch.map((unsigned) => ({ v: 1 as const, orgId, ...unsigned, issuedAt }));
    const { key, signatures } = await signer.sign('keyfleet.manifest.v1', plain.map(manifestLines));
    metrics.signed(batch.length);
    await failpoint('distribution.after-signed');
    return plain.map((manifest, index) => ({ ...manifest, key, signature: signatures[index] ?? '' }));
  }

  /** Stores and pushes them; what is not wanted any more is left out. */
  async #hand(
    orgId: string,
    manifests: readonly PolicyManifest[],
    { window, kind }: { readonly window: number; readonly kind: 'new' | 'again' },
  ): Promise<void> {
    const saved = await saveManifests(this.#parts.sql, manifests);
    await failpoint('distribution.after-saved');
    const wanted = manifests.filter(({ agentId }) => saved.has(agentId));
    await this.#push(orgId, wanted, window);
    this.#parts.metrics.pushed(wanted.length, kind);
  }

  /** Where the bundles cannot be read now, the agents fetch them. */
  async #push(orgId: string, manifests: readonly PolicyManifest[], reportWithinMs: number): Promise<void> {
    const { nats, bundles } = this.#parts;
    const small = await bundles.small(orgId, manifests).catch(() => new Map<string, string>());
    for (const manifest of manifests) {
      const bundle = small.get(manifest.hash);
      const message: PolicyPush = { v: 1, manifest, reportWithinMs, ...(bundle !== undefined && { bundle }) };
      nats.publish(agentSubject(manifest, 'cmd'), JSON.stringify(message));
    }
    // A whole fleet is not heaped up in memory where the broker takes it more slowly than we make it.
    await nats.flush();
  }
}
