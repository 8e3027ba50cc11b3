import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPrometheus, freePort, type ManagedProcess, startManaged } from '@keyfleet/embedded';
import { waitFor } from '@keyfleet/testing';

const RULES = join(process.cwd(), 'deploy/prometheus/rules');
/** In test time; what a careful installation would choose. */
const EVERY_MS = 5_000;
const LEAST_EVERY_MS = 200;
const READY_MS = 60_000;

export interface PrometheusOptions {
  readonly directory: string;
  /** Where installations keep what they unpacked. */
  readonly vendorDirectory: string;
  /** By how much the rules' durations are shortened. */
  readonly factor: number;
  /** Name of each target and the URL its metrics are under. */
  readonly targets: Readonly<Record<string, string>>;
  readonly say: (line: string) => void;
}

export interface Alert {
  readonly name: string;
  readonly state: 'pending' | 'firing';
}

/** A real Prometheus with the rules as they are deployed, but for durations, which are in test time. */
export class Prometheus {
  readonly #server: ManagedProcess;
  readonly #url: string;

  private constructor(server: ManagedProcess, url: string) {
    this.#server = server;
    this.#url = url;
  }

  static async start(options: PrometheusOptions): Promise<Prometheus> {
    const { directory, vendorDirectory, factor, say } = options;
    const found = await findPrometheus({ vendorDirectory, onProgress: say });
    const folder = join(directory, 'prometheus');
    mkdirSync(join(folder, 'rules'), { recursive: true });
    for (const file of readdirSync(RULES))
      writeFileSync(join(folder, 'rules', file), inTestTime(readFileSync(join(RULES, file), 'utf8'), factor));
    writeFileSync(join(folder, 'prometheus.json'), JSON.stringify(configuration(options)));
    const url = `http://127.0.0.1:${await freePort()}`;
    const server = await startManaged({
      name: 'prometheus',
      command: found.path,
      args: [
        `--config.file=${join(folder, 'prometheus.json')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=${url.slice('http://'.length)}`,
      ],
      env: { PATH: process.env['PATH'], ...found.env },
      logFile: join(folder, 'prometheus.log'),
      ready: async () => (await fetch(`${url}/-/ready`)).ok,
      readyTimeoutMs: READY_MS,
      endWithUs: 'SIGTERM',
    });
    const prometheus = new Prometheus(server, url);
    // It begins to scrape some seconds after it is ready, and what is absent until then is no outage.
    await waitFor(async () => (await prometheus.#targetsUp()) === Object.keys(options.targets).length, {
      ceilingMs: READY_MS,
      what: 'Prometheus scraping everything',
    });
    return prometheus;
  }

  async #targetsUp(): Promise<number> {
    const answer = await fetch(`${this.#url}/api/v1/query?query=count(up==1)`);
    const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
    return Number(data.result[0]?.value[1] ?? 0);
  }

  async alerts(): Promise<readonly Alert[]> {
    const answer = await fetch(`${this.#url}/api/v1/alerts`, { signal: AbortSignal.timeout(2_000) });
    const { data } = (await answer.json()) as {
      data: { alerts: { labels: { alertname: string }; state: Alert['state'] }[] };
    };
    return data.alerts.map(({ labels, state }) => ({ name: labels.alertname, state }));
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }
}

/** Rules with every duration, of `for` and of ranges, so many times shorter. */
export function inTestTime(rules: string, factor: number): string {
  const shorter = (duration: string): string =>
    `${Math.max(1, Math.round(milliseconds(duration) / factor))}ms`;
  return rules
    .replace(
      /^(\s*(?:for|keep_firing_for):\s*)(\S+)\s*$/gm,
      (_, key: string, given: string) => key + shorter(given),
    )
    .replace(/\[(\d[\dhmsd]*)(:?)(\d[\dhmsd]*)?\]/g, (_, range: string, colon: string, step?: string) => {
      return `[${shorter(range)}${colon}${step ? shorter(step) : ''}]`;
    });
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function milliseconds(duration: string): number {
  const parts = [...duration.matchAll(/(\d+)(ms|s|m|h|d)/g)];
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ''] ?? 0), 0);
}

/** JSON is YAML. */
function configuration({ targets, factor }: PrometheusOptions): unknown {
  const every = `${Math.max(LEAST_EVERY_MS, Math.round(EVERY_MS / factor))}ms`;
  const scrapes = Object.entries(targets).map(([job, url]) => ({
    job_name: job,
    static_configs: [{ targets: [new URL(url).host] }],
  }));
  return {
    global: { scrape_interval: every, scrape_timeout: every, evaluation_interval: every },
    rule_files: ['rules/*.yml'],
    scrape_configs: scrapes,
  };
}
