import type { Clock } from '@keyfleet/kernel';
import { isKeyfleetError, toTimestamp } from '@keyfleet/kernel';
import type { Logger } from '@keyfleet/platform';
import { ClockTrust } from './clock-trust.js';
import type { AgentVault } from './vault/create.js';

const RECOVER_MS = 2_000;
/** How soon a policy that was set aside on this machine is. */
const POLICY_MS = 1_000;
const REPORT_MS = 5_000;
const AGENT_FILE_MS = 5_000;
const REWRAP_MS = 60_000;
const RETAIN_MS = 600_000;
const DAY = 24 * 3_600_000;

export interface MaintenanceOptions {
  readonly agent: AgentVault;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly audit: { readonly days: number; readonly lines: number };
  /** Written where it could not be before. */
  readonly agentFile: { write(): void };
}

/** What an agent does by itself from time to time. Each job waits for its own end; a failed one is tried again. */
export class Maintenance {
  readonly #options: MaintenanceOptions;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #trust: ClockTrust;

  constructor(options: MaintenanceOptions) {
    this.#options = options;
    const { storage } = options.agent.parts;
    this.#trust = new ClockTrust({
      clock: options.clock,
      daysSeen: (from, to) => storage.daysReported(from, to),
    });
  }

  start(): void {
    const { agent, agentFile } = this.#options;
    const { trail, health, policies } = agent.parts;
    this.#every(RECOVER_MS, 'recover', async () => {
      if (health.storage === 'ok') return;
      await trail.recover();
      this.#options.logger.info({}, 'The disk takes writes again');
    });
    this.#every(POLICY_MS, 'policies', () => policies.tick());
    this.#every(REPORT_MS, 'report usage', () => agent.reportUsage());
    this.#every(AGENT_FILE_MS, 'agent file', async () => agentFile.write());
    this.#every(REWRAP_MS, 're-wrap', async () => agent.rotation.resume());
    this.#every(RETAIN_MS, 'retain', () => this.#retain());
  }

  /** Resolves when nothing is under way. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.allSettled(this.#running);
  }

  /** By age only where the clock can be believed: what a wrong one drops is lost. By number whatever it says. */
  async #retain(): Promise<void> {
    const { agent, clock, audit } = this.#options;
    const isTrusted = await this.#trust.isTrusted(audit.days);
    const before = toTimestamp(isTrusted ? clock.now() - audit.days * DAY : 0);
    await agent.parts.storage.retain({ before, lines: audit.lines });
  }

  #every(ms: number, job: string, work: () => Promise<void>): void {
    let busy = false;
    const timer = setInterval(() => {
      if (busy) return;
      busy = true;
      const run = this.#run(job, work).finally(() => {
        busy = false;
        this.#running.delete(run);
      });
      this.#running.add(run);
    }, ms);
    this.#timers.push(timer);
  }

  async #run(job: string, work: () => Promise<void>): Promise<void> {
    const { health } = this.#options.agent.parts;
    try {
      // Nothing but the attempt to recover writes to a disk that refuses.
      if (job === 'recover' || health.storage === 'ok') await work();
    } catch (error) {
      if (isKeyfleetError(error, 'vault.degraded') || isKeyfleetError(error, 'vault.sealed')) return;
      this.#options.logger.error({ err: error, job }, 'A background job failed; it will be tried again');
    }
  }
}
