import { appendContract } from './appends.contract.js';
import { batchContract } from './batches.contract.js';
import { exclusionContract } from './exclusion.contract.js';
import type { EventStoreFixture, OpenFixture } from './fixture.contract.js';
import { violationsUnderLoad } from './laws.contract.js';
import { misuseContract } from './misuse.contract.js';
import { readContract } from './reads.contract.js';
import { retentionContract } from './retention.contract.js';
import { subscriptionContract } from './subscriptions.contract.js';

export interface ContractOptions {
  /** Positions count from 1 without a hole, and what an append is provided with is looked at in the append itself. */
  readonly dense: boolean;
}

/** What every driver of the event store does, in the same words; each test has an empty store. */
export function eventStoreContract(name: string, open: OpenFixture, { dense }: ContractOptions): void {
  describe(`the event store contract, ${name}`, () => {
    let fixture: EventStoreFixture;
    beforeEach(async () => {
      fixture = await open();
    });
    afterEach(() => fixture.close());
    const current = (): EventStoreFixture => fixture;

    appendContract(current);
    batchContract(current);
    readContract(current);
    subscriptionContract(current);
    retentionContract(current);
    misuseContract(current);

    if (dense) exclusionContract(current);

    describe('F8: under 16 writers with conflicts', () => {
      it('nothing is missed, doubled, lost or out of order, by readers and subscribers', async () => {
        const stores = [fixture.store, await fixture.another()];
        expect(await violationsUnderLoad({ stores, writers: 16, appendsEach: 40, dense })).toEqual([]);
      }, 60_000);

      it('nor where writes are broken off and sent again', async () => {
        const stores = [fixture.store, await fixture.another()];
        const stop = fixture.disturb?.();
        expect(await violationsUnderLoad({ stores, writers: 16, appendsEach: 40, dense })).toEqual([]);
        await stop?.();
      }, 60_000);
    });
  });
}
