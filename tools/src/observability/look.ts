import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunFile } from '../launcher/run-file.js';

/** A process of the control plane and where it says how it is. */
export interface Watched {
  readonly name: string;
  readonly url: string;
}

const LOOK_USAGE = `npm run keyfleet -- checks                 what each service says of itself
npm run keyfleet -- metrics [name…]        its metrics, those whose name holds one of these
npm run keyfleet -- prometheus-config      a configuration for a Prometheus beside this installation

They ask the installation that runs in this folder. For any other say where the services answer:
  KEYFLEET_OPERATIONS_URLS=registry=http://10.0.0.7:9464,gateway=http://10.0.0.8:9464`;

export const LOOKS: readonly string[] = ['checks', 'metrics', 'prometheus-config'];

const TIMEOUT_MS = 5_000;

/** Throws where no installation runs here and none is named. */
export function watchedServices(root: string, given = process.env['KEYFLEET_OPERATIONS_URLS']): Watched[] {
  if (given)
    return given.split(',').map((pair) => {
      const [name = '', ...url] = pair.split('=');
      return { name: name.trim(), url: new URL(url.join('=')).origin };
    });
  const run = JSON.parse(readFileSync(join(root, '.keyfleet/run.json'), 'utf8')) as RunFile;
  return run.services.map(({ name, operationsUrl }) => ({ name, url: operationsUrl }));
}

/** `checks`, `metrics …`, `prometheus-config`. Exit codes: 0 all is well, 1 wrong use, 2 nothing runs here, 3 something is not well. */
export async function lookCommand(what: string, rest: readonly string[]): Promise<number> {
  let services: Watched[];
  try {
    services = watchedServices(process.cwd());
  } catch {
    process.stderr.write(`No Keyfleet runs in this folder.\n\n${LOOK_USAGE}\n`);
    return 2;
  }
  if (what === 'checks') return checks(services);
  if (what === 'metrics') return metrics(services, rest);
  process.stdout.write(prometheusConfig(services, join(process.cwd(), 'deploy/prometheus/rules')));
  return 0;
}

interface Readiness {
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly reason?: string }[];
}

async function checks(services: readonly Watched[]): Promise<number> {
  let well = true;
  for (const { name, url } of services) {
    const answer = await ask(`${url}/readyz`);
    const { checks: list } = answer === undefined ? { checks: [] } : (JSON.parse(answer) as Readiness);
    const failing = list
      .filter(({ ok }) => !ok)
      .map(({ name: check, reason }) => `${check}: ${reason ?? 'failed'}`);
    const state =
      answer === undefined ? 'does not answer' : failing.length > 0 ? failing.join('; ') : 'ready';
    if (state !== 'ready') well = false;
    process.stdout.write(`${name.padEnd(12)} ${url.padEnd(28)} ${state}\n`);
  }
  return well ? 0 : 3;
}

async function metrics(services: readonly Watched[], parts: readonly string[]): Promise<number> {
  let well = true;
  for (const { name, url } of services) {
    const page = await ask(`${url}/metrics`);
    if (page === undefined) {
      well = false;
      process.stdout.write(`${name.padEnd(12)} does not answer\n`);
      continue;
    }
    for (const line of page.split('\n')) {
      const wanted = parts.length === 0 || parts.some((part) => line.split(/[{ ]/, 1)[0]?.includes(part));
      // Buckets are for machines.
      if (line !== '' && !line.startsWith('#') && !/_bucket\{/.test(line) && wanted)
        process.stdout.write(`${name.padEnd(12)} ${line}\n`);
    }
  }
  return well ? 0 : 3;
}

/** JSON is YAML, and this one can be written to a file as it is. */
export function prometheusConfig(services: readonly Watched[], rules: string): string {
  const targets = services.map(({ name, url }) => ({
    targets: [new URL(url).host],
    labels: { service: name },
  }));
  const config = {
    global: { scrape_interval: '15s', evaluation_interval: '15s' },
    rule_files: [join(rules, '*.yml')],
    scrape_configs: [{ job_name: 'keyfleet', honor_labels: true, static_configs: targets }],
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

async function ask(url: string): Promise<string | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return await answer.text();
  } catch {
    return undefined;
  }
}
