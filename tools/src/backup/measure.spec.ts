import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '@keyfleet/testing';
import { describedBy, documentedMetrics } from '../observability/metrics-page.js';
import { leaveMetrics } from './measure.js';

describe('the metrics of a backup', () => {
  it('are left whole, the newest alone, and are the ones that are documented', () => {
    const root = temporaryDirectory('measured-backup');
    leaveMetrics(root, { takenAt: '2026-11-01T00:00:00.000000Z', bytes: 1 });
    leaveMetrics(root, { takenAt: '2026-11-02T00:00:00.500000Z', bytes: 4_096 });
    const folder = join(root, '.keyfleet/metrics');
    expect(readdirSync(folder)).toEqual(['backup.prom']);
    const text = readFileSync(join(folder, 'backup.prom'), 'utf8');
    expect(text).toContain('\nkeyfleet_backup_last_success_timestamp_seconds 1793577600\n');
    expect(text).toContain('\nkeyfleet_backup_size_bytes 4096\n');
    const documented = documentedMetrics()
      .filter(({ from }) => from.includes('backup'))
      .map(({ name, type, help }) => ({ name, type, help }));
    expect(describedBy(text)).toEqual(documented);
  });
});
