import type { Metrics } from '@keyfleet/platform';
import type { AgentVault } from './vault/create.js';

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
