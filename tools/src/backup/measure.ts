import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export interface Measured {
  /** RFC 3339. */
  readonly takenAt: string;
  readonly bytes: number;
}

/**
 * Leaves the time of a backup where the textfile collector of node_exporter finds it: `.keyfleet/metrics/backup.prom`.
 * The command itself ends, so nobody could ask it.
 */
export function leaveMetrics(root: string, { takenAt, bytes }: Measured): void {
  const folder = join(resolve(root), '.keyfleet', 'metrics');
  mkdirSync(folder, { recursive: true });
  const [file, temporary] = [join(folder, 'backup.prom'), join(folder, `backup.${process.pid}.tmp`)];
  // Whole at once: half a file would be half a metric.
  writeFileSync(temporary, metricsOf({ takenAt, bytes }));
  renameSync(temporary, file);
}

function metricsOf({ takenAt, bytes }: Measured): string {
  const gauge = (name: string, help: string, value: number) =>
    `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name} ${value}\n`;
  return (
    gauge(
      'keyfleet_backup_last_success_timestamp_seconds',
      'When the last backup that was written and closed was taken, in seconds since 1970.',
      Math.floor(Date.parse(takenAt) / 1_000),
    ) + gauge('keyfleet_backup_size_bytes', 'Size of that backup.', bytes)
  );
}
