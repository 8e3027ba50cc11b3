import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Privileges, wrapWithSetpriv } from './privileges.js';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ManagedProcessOptions {
  /** How messages call it. */
  readonly name: string;
  readonly command: string;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** stdout and stderr are appended here. */
  readonly logFile: string;
  /** Polled until true; a process that ends before is an error that carries the end of its log. */
  readonly ready?: (child: ManagedProcess) => Promise<boolean>;
  readonly readyTimeoutMs?: number;
  /** The kernel sends this to the process when we die, whatever kills us (Linux with setpriv). */
  readonly endWithUs?: NodeJS.Signals;
  readonly privileges?: Privileges;
  /** Opens a Node IPC channel, so that the child notices our death by itself. */
  readonly ipc?: boolean;
  /** Ends the wait for readiness, and with it the process. */
  readonly signal?: AbortSignal;
  /** What `stop` sends first. */
  readonly stopSignal?: NodeJS.Signals;
}

/** A child in its own process group, so that a Ctrl-C in the terminal reaches only us. */
export class ManagedProcess {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly logFile: string;
  readonly #child: ChildProcess;
  readonly #stopSignal: NodeJS.Signals;
  #exit: Exit | undefined;

  constructor(child: ChildProcess, pid: number, options: ManagedProcessOptions) {
    this.name = options.name;
    this.pid = pid;
    this.logFile = options.logFile;
    this.#child = child;
    this.#stopSignal = options.stopSignal ?? 'SIGTERM';
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
  }

  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** Sends a signal to the process itself, not to its group. */
  signal(signal: NodeJS.Signals): void {
    if (!this.#exit) this.#child.kill(signal);
  }

  /** Asks first, and kills the whole group when the grace is over; resolves once the process is gone. */
  async stop(options: { signal?: NodeJS.Signals; graceMs?: number } = {}): Promise<Exit> {
    this.signal(options.signal ?? this.#stopSignal);
    const grace = new AbortController();
    const inTime = await Promise.race([
      this.exited.then(() => true),
      delay(options.graceMs ?? 10_000, false, { signal: grace.signal }).catch(() => true),
    ]);
    grace.abort();
    if (!inTime) this.#killGroup();
    return this.exited;
  }

  /** kill -9 of the whole group: what a crash test wants. */
  kill(): Promise<Exit> {
    this.#killGroup();
    return this.exited;
  }

  /** The last lines it wrote, for messages. */
  logTail(lines = 15): string {
    return tail(this.logFile, lines);
  }

  #killGroup(): void {
    if (this.#exit) return;
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      this.#child.kill('SIGKILL');
    }
  }
}

/** Starts a process and resolves once it is ready. */
export async function startManaged(options: ManagedProcessOptions): Promise<ManagedProcess> {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'a', 0o600);
  try {
    const { command, args } = wrapWithSetpriv(options);
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      detached: true,
      stdio: options.ipc ? ['ignore', log, log, 'ipc'] : ['ignore', log, log],
    });
    if (child.pid === undefined) throw await spawnFailure(child, options.name);
    const managed = new ManagedProcess(child, child.pid, options);
    await becomeReady(managed, options);
    return managed;
  } finally {
    closeSync(log);
  }
}

async function becomeReady(managed: ManagedProcess, options: ManagedProcessOptions): Promise<void> {
  if (!options.ready) return;
  const timeout = options.readyTimeoutMs ?? 30_000;
  const until = performance.now() + timeout;
  let pause = 5;
  while (!(await options.ready(managed).catch(() => false))) {
    if (managed.exit)
      throw new Error(
        `${managed.name} ended before it was ready (${describeExit(managed.exit)}).\n${managed.logTail()}`,
      );
    if (performance.now() > until) {
      await managed.kill();
      throw new Error(
        `${managed.name} was not ready within ${Math.round(timeout / 1000)} s.\n${managed.logTail()}`,
      );
    }
    if (options.signal?.aborted) {
      await managed.stop({ graceMs: 3_000 });
      throw new Error(`${managed.name} was stopped while it started.`);
    }
    await delay(pause);
    pause = Math.min(pause * 1.5, 100);
  }
}

function spawnFailure(child: ChildProcess, name: string): Promise<Error> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(new Error(`${name} could not be started: ${error.message}`)));
  });
}

export function describeExit(exit: Exit): string {
  return exit.signal ? `signal ${exit.signal}` : `exit code ${exit.code}`;
}

function tail(file: string, lines: number): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '';
  }
}
