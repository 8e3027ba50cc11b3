import { REFUSAL_REASONS } from '@keyfleet/contracts/events';
import { createMetrics, type Metrics } from '@keyfleet/platform';
import { ingestMetrics } from './metrics.js';
import { QUARANTINE_REASONS } from './quarantine.js';

async function shown({ registry }: Metrics, name: string): Promise<Record<string, number>> {
  const lines = (await registry.metrics()).matchAll(new RegExp(`^${name}\\{\\w+="([^"]+)"\\} (\\d+)$`, 'gm'));
  return Object.fromEntries([...lines].map(([, label = '', count]) => [label, Number(count)]));
}

const nothing = (labels: readonly string[]) => Object.fromEntries(labels.map((label) => [label, 0]));

describe('what ingest counts', () => {
  it('repro-first-of-a-counter: begins at nothing for everything that an alert asks the increase of', async () => {
    const metrics = createMetrics({ service: 'test', version: '1', runtime: false });
    const counted = ingestMetrics(metrics);
    const of = (name: string) => shown(metrics, `keyfleet_ingest_${name}`);
    expect(await of('epochs_total')).toEqual({ fork: 0, gap: 0 });
    expect(await of('entries_refused_total')).toEqual(nothing(REFUSAL_REASONS));
    expect(await of('quarantined_total')).toEqual(nothing(QUARANTINE_REASONS));
    const batches = await of('batch_seconds_count');
    for (const outcome of ['stored', 'busy', 'failed', 'unavailable']) expect(batches[outcome]).toBe(0);
    counted.newEpoch('gap');
    counted.refused('schema');
    counted.quarantined('signature');
    counted.batch('failed', 1);
    expect(await of('epochs_total')).toEqual({ fork: 0, gap: 1 });
    expect(await of('entries_refused_total')).toMatchObject({ schema: 1, 'unknown-type': 0 });
    expect(await of('quarantined_total')).toMatchObject({ signature: 1, chain: 0 });
    expect(await of('batch_seconds_count')).toEqual({ ...batches, failed: 1 });
  });
});
