import { join } from 'node:path';
import { type ManagedProcess, startManaged } from '@keyfleet/embedded';

export interface NodeProcessOptions {
  readonly name: string;
  /** Absolute path of the built entry. */
  readonly script: string;
  readonly args?: readonly string[];
  /** The settings it is given; of our own environment it gets only what any process needs. */
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly cwd: string;
  readonly ready: () => Promise<boolean>;
  readonly readyTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** One of our own processes; it ends with us, by its IPC channel and by the kernel. */
export function startNodeProcess(options: NodeProcessOptions): Promise<ManagedProcess> {
  return startManaged({
    name: options.name,
    command: process.execPath,
    args: ['--enable-source-maps', options.script, ...(options.args ?? [])],
    env: {
      ...inherited(),
      // glibc gives every thread a heap of its own and takes little back: what is resident would creep up for days.
      MALLOC_ARENA_MAX: '2',
      NODE_COMPILE_CACHE: join(options.cwd, '.keyfleet', 'compile-cache'),
      ...options.env,
    },
    cwd: options.cwd,
    logFile: options.logFile,
    ready: options.ready,
    readyTimeoutMs: options.readyTimeoutMs ?? 60_000,
    endWithUs: 'SIGTERM',
    ipc: true,
    signal: options.signal,
  });
}

const PASSED_ON = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS'];
const PASSED_ON_FOR_PROOFS = [
  'KEYFLEET_FAILPOINTS',
  'KEYFLEET_TEST_TIME_FACTOR',
  'KEYFLEET_TEST_TIME_BEGAN_AT',
  'KEYFLEET_TEST_TIME_STEP_FILE',
];

function inherited(): Record<string, string> {
  return fromEnvironment([...PASSED_ON, ...PASSED_ON_FOR_PROOFS]);
}

/** For the registry: proofs let agents' credentials end within minutes. */
export function credentialLifeFromEnvironment(): Record<string, string> {
  return fromEnvironment(['KEYFLEET_ENROLMENT__CREDENTIAL_LIFE_SECONDS']);
}

/** Where whoever starts the installation wants its traces: for everything that stays up, not for what runs to its end. */
export function tracingFromEnvironment(): Record<string, string> {
  return fromEnvironment(['ENDPOINT', 'RATIO', 'HEADER_FILE'].map((name) => `KEYFLEET_TRACING__${name}`));
}

function fromEnvironment(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names
      .map((name) => [name, process.env[name]] as const)
      .filter((entry): entry is [string, string] => !!entry[1]),
  );
}

/** Fulfilled by a service only some seconds after it serves: detection needs to have seen a while. */
const LATER_CHECKS: readonly string[] = ['detection'];

/** Whether a service does its work; what it can only know later may still be missing. */
export async function isServing(operationsUrl: string): Promise<boolean> {
  const failing = await failingChecks(operationsUrl);
  return failing.every((name) => LATER_CHECKS.includes(name));
}

/** Whether every check of a service is fulfilled. */
export async function isReady(operationsUrl: string): Promise<boolean> {
  return (await failingChecks(operationsUrl)).length === 0;
}

async function failingChecks(operationsUrl: string): Promise<string[]> {
  const response = await fetch(`${operationsUrl}/readyz`, { signal: AbortSignal.timeout(3_000) });
  const { failing } = (await response.json()) as { failing?: string[] };
  if (response.ok) return [];
  return failing?.length ? failing : ['ready'];
}

/** Runs a script to its end; its output goes to the log, and the end of it into the error when it fails. */
export async function runToEnd(options: Omit<NodeProcessOptions, 'ready'>): Promise<void> {
  const child = await startNodeProcess({ ...options, ready: async () => true });
  const stop = (): void => void child.stop({ graceMs: 3_000 });
  options.signal?.addEventListener('abort', stop);
  const exit = await child.exited;
  options.signal?.removeEventListener('abort', stop);
  if (exit.code !== 0) throw new Error(`${options.name} failed.\n${child.logTail(30)}`);
}
