import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ManagedProcess, startManaged } from '@keyfleet/embedded';
import { temporaryDirectory } from './run.js';

const REGISTER = join(process.cwd(), 'libs/testing/jest/register.mjs');

export interface ServiceProcess {
  readonly process: ManagedProcess;
  readonly operationsUrl: string;
  /** What `/readyz` says: each check that fails with its reason. */
  failing(): Promise<Readonly<Record<string, string>>>;
  metric(name: string): Promise<number>;
  logs(): string;
}

export interface ServiceOptions {
  /** `analytics` for apps/analytics. */
  readonly app: string;
  /** Environment; a value under a name that ends with `_FILE` is written to a file and the variable names it. */
  readonly settings: Readonly<Record<string, string>>;
  readonly port: number;
}

/** Runs a service from its sources as a process of its own; resolves when its operations port answers. */
export async function startService({ app, settings, port }: ServiceOptions): Promise<ServiceProcess> {
  const directory = temporaryDirectory(app);
  const operationsUrl = `http://127.0.0.1:${port}`;
  const env: Record<string, string> = { KEYFLEET_OPERATIONS__PORT: String(port) };
  for (const [name, value] of Object.entries(settings)) {
    const file = join(directory, name);
    if (name.endsWith('_FILE')) writeFileSync(file, value, { mode: 0o600 });
    env[name] = name.endsWith('_FILE') ? file : value;
  }
  const child = await startManaged({
    name: app,
    command: process.execPath,
    args: ['--import', REGISTER, join(process.cwd(), 'apps', app, 'src/main.ts')],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    logFile: join(directory, 'log'),
    ready: async () => (await fetch(`${operationsUrl}/livez`)).ok,
    readyTimeoutMs: 60_000,
    endWithUs: 'SIGKILL',
    ipc: true,
  });
  return {
    process: child,
    operationsUrl,
    failing: async () => {
      const answer = (await (await fetch(`${operationsUrl}/readyz`)).json()) as Readiness;
      return Object.fromEntries(
        (answer.checks ?? []).filter(({ ok }) => !ok).map(({ name, reason }) => [name, reason ?? '']),
      );
    },
    metric: async (name) => {
      const text = await (await fetch(`${operationsUrl}/metrics`)).text();
      const values = text
        .split('\n')
        .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
      return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    },
    logs: () => child.logTail(200),
  };
}

interface Readiness {
  readonly checks?: readonly { readonly name: string; readonly ok: boolean; readonly reason?: string }[];
}
