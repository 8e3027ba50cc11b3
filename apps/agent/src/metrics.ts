import type { Metrics } from '@keyfleet/platform';
import type { Link, LinkStatus, OnBatch } from './link/host.js';
import type { AgentVault } from './vault/create.js';

const STATES: readonly LinkStatus['state'][] = [
  'unenrolled',
  'connecting',
  'connected',
  'offline',
  'revoked',
];

/** What becomes of the journal's batches on their way to the control plane. */
export function uploadMetrics(metrics: Metrics): OnBatch {
  const seconds = metrics.histogram({
    name: 'keyfleet_agent_upload_seconds',
    help: 'Time from sending a batch of journal entries to its answer, by what the answer said.',
    labelNames: ['result'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15],
  });
  const entries = metrics.counter({
    name: 'keyfleet_agent_uploaded_entries_total',
    help: 'Journal entries the control plane has acknowledged.',
  });
  return (result, count, took) => {
    seconds.observe({ result }, took);
    if (result === 'acknowledged') entries.inc(count);
  };
}

/** The way to the control plane, read when it is asked for. */
export function watchLink(metrics: Metrics, link: Link): void {
  metrics.gauge({
    name: 'keyfleet_agent_link_state',
    help: '1 for the state the link to the control plane is in, 0 for every other.',
    labelNames: ['state'],
    collect() {
      const { state } = link.status();
      for (const one of STATES) this.set({ state: one }, one === state ? 1 : 0);
    },
  });
  const time = (name: string, help: string, of: (status: LinkStatus) => string | null): void => {
    metrics.gauge({
      name,
      help,
      collect() {
        const at = of(link.status());
        if (at === null) this.remove();
        else this.set(Date.parse(at) / 1_000);
      },
    });
  };
  time(
    'keyfleet_agent_certificate_expires_timestamp_seconds',
    'When the certificate the agent connects with ends, in seconds since 1970; it is renewed at half its life.',
    ({ certificateExpiresAt }) => certificateExpiresAt,
  );
  time(
    'keyfleet_agent_last_acknowledged_timestamp_seconds',
    'When the control plane last acknowledged entries, in seconds since 1970.',
    ({ lastAcknowledgedAt }) => lastAcknowledgedAt,
  );
}

/** Gauges that are read when they are asked for. Never a name of a secret or a caller. */
export function watchVault(metrics: Metrics, { parts, journal }: AgentVault): void {
  const { storage, health } = parts;
  metrics.gauge({
    name: 'keyfleet_agent_secrets',
    help: 'Secrets in the vault.',
    async collect() {
      this.set(await storage.countSecrets());
    },
  });
  metrics.gauge({
    name: 'keyfleet_agent_journal_pending_entries',
    help: 'Journal entries the control plane has not committed yet.',
    collect() {
      this.set(journal.head().seq - journal.acknowledged().seq);
    },
  });
  metrics.gauge({
    name: 'keyfleet_agent_storage_degraded',
    help: '1 while the disk refuses writes.',
    collect() {
      this.set(health.storage === 'degraded' ? 1 : 0);
    },
  });
  metrics.gauge({
    name: 'keyfleet_agent_sealed',
    help: '1 while the vault is sealed.',
    collect() {
      this.set(health.seal === 'sealed' ? 1 : 0);
    },
  });
}
