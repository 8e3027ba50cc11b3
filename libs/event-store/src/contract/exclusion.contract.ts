import type { ExpectedRevision, StreamAppend } from '../port.js';
import { type EventStoreFixture, events } from './fixture.contract.js';

const ROUNDS = 100;

/** Two decisions that each were made from both streams. */
export function exclusionContract(open: () => EventStoreFixture): void {
  it('of two appends that are each provided with the stream of the other, exactly one is written', async () => {
    const stores = [open().store, await open().another()] as const;
    const at = { 'agent-1': 'no-stream', 'journal-1': 'no-stream' } as Record<string, ExpectedRevision>;
    const append = (stream: string, other: string): StreamAppend => {
      const provided = { stream: other, revision: at[other] as ExpectedRevision };
      return { stream, expectedRevision: at[stream] as ExpectedRevision, events: events(1), provided };
    };
    for (let round = 0; round < ROUNDS; round += 1) {
      const one = append('agent-1', 'journal-1');
      const other = append('journal-1', 'agent-1');
      const [first, second] = round % 2 ? stores : [stores[0], stores[0]];
      const results = await Promise.all([first.appendBatch([one]), second.appendBatch([other])]);
      const written = results.flat().filter(({ outcome }) => outcome === 'appended');
      expect(written).toHaveLength(1);
      for (const stream of Object.keys(at))
        at[stream] = (await stores[0].streamRevision(stream)) ?? 'no-stream';
    }
  });
}
