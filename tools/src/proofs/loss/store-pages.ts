import type { EventStore, RecordedEvent } from '@keyfleet/event-store';
import { isGenesis, type Joint } from './history.js';

const PAGE = 1_000;

export interface StorePage {
  readonly events: readonly RecordedEvent[];
  /** Exclusive; absent at the beginning. */
  readonly after: string | undefined;
  readonly upTo: string;
}

/** Everything up to where the store is now, in the order of positions. */
export async function* pages(store: EventStore, categories?: readonly string[]): AsyncGenerator<StorePage> {
  const head = await store.headPosition();
  for (let after: string | undefined; after === undefined || store.comparePositions(after, head) < 0; ) {
    const page = await store.readAll({
      ...(after !== undefined && { after }),
      ...(categories && { filter: { categories } }),
      limit: PAGE,
    });
    yield { events: page.events, after, upTo: page.upTo };
    after = page.upTo;
  }
}

/** First entries whose `prev` is the hash of no entry of an earlier epoch. */
export async function brokenJoints(store: EventStore, joints: readonly Joint[]): Promise<number> {
  let broken = 0;
  for (const joint of joints) {
    if (isGenesis(joint)) continue;
    const earlier = joints.filter(({ agentId, epoch }) => agentId === joint.agentId && epoch < joint.epoch);
    let found = false;
    for (const { agentId, epoch } of earlier.reverse())
      if (!found) found = await hasHash(store, `journal-${agentId}.${epoch}`, joint.prev);
    if (!found) broken += 1;
  }
  return broken;
}

async function hasHash(store: EventStore, stream: string, hash: string): Promise<boolean> {
  let from: bigint | undefined;
  for (;;) {
    const page = await store.readStream(stream, {
      ...(from !== undefined && { from }),
      ...{ limit: PAGE, direction: 'backwards' },
    });
    if (page.some(({ metadata }) => metadata.journal?.hash === hash)) return true;
    const last = page.at(-1);
    if (!last || last.revision === 0n) return false;
    from = last.revision - 1n;
  }
}
