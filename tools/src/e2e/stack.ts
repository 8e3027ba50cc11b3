import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keyfleet/testing';
import type { RunFile } from '../launcher/run-file.js';

const REPOSITORY = process.cwd();
/** Generous: the first start of a run also unpacks servers. */
const START_CEILING_MS = 150_000;

export interface StackOptions {
  /** An empty folder; everything the product keeps lies in its `.keyfleet`. */
  readonly directory: string;
  readonly agents?: number;
  readonly traffic?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** Somebody who signs in. */
export interface Person {
  readonly email: string;
  readonly password: string;
}

/** The whole product as its users start it: the built launcher, all services, real servers, real agents. */
export class Stack {
  readonly directory: string;
  readonly #child: ChildProcess;

  private constructor(directory: string, child: ChildProcess) {
    this.directory = directory;
    this.#child = child;
  }

  /** Resolves when `run.json` says ready; throws with the launcher's last lines where it ends before. */
  static async start(options: StackOptions): Promise<Stack> {
    const { directory, agents = 3, traffic = false, env = {} } = options;
    prepare(directory);
    const args = [
      join(REPOSITORY, 'tools/dist/start.js'),
      '--agents',
      String(agents),
      ...(traffic ? [] : ['--no-traffic']),
    ];
    const child = spawn(process.execPath, args, {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    const log = join(directory, 'launcher.log');
    const out = createWriteStream(log, { flags: 'a' });
    child.stdout?.pipe(out, { end: false });
    child.stderr?.pipe(out, { end: false });
    const stack = new Stack(directory, child);
    await waitFor(() => child.exitCode !== null || existsSync(stack.#runFile), {
      ceilingMs: START_CEILING_MS,
    });
    if (child.exitCode !== null)
      throw new Error(
        `The launcher ended with ${child.exitCode}:\n${readFileSync(log, 'utf8').slice(-3_000)}`,
      );
    return stack;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get run(): RunFile {
    return JSON.parse(readFileSync(this.#runFile, 'utf8')) as RunFile;
  }

  get #runFile(): string {
    return join(this.directory, '.keyfleet/run.json');
  }

  get admin(): Person {
    return personOf(this.run.admin);
  }

  /** Owns the same organisations, and reviews what the admin writes. */
  get reviewer(): Person {
    return personOf(this.run.reviewer);
  }

  /** `npm run agent -- …` in the folder of this installation. */
  agentTool(...args: readonly string[]): { readonly status: number | null; readonly output: string } {
    const done = spawnSync(process.execPath, [join(REPOSITORY, 'tools/dist/agent.js'), ...args], {
      cwd: this.directory,
      encoding: 'utf8',
    });
    return { status: done.status, output: done.stdout + done.stderr };
  }

  /** As Ctrl-C would; resolves when the launcher has ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill(signal);
    await ended;
  }
}

/** The checkout's built apps under another folder, so that its data lies there; unpacked servers are shared. */
function prepare(directory: string): void {
  mkdirSync(join(directory, '.keyfleet'), { recursive: true, mode: 0o700 });
  const vendor = join(REPOSITORY, '.keyfleet/vendor');
  mkdirSync(vendor, { recursive: true });
  for (const [target, link] of [
    [join(REPOSITORY, 'apps'), join(directory, 'apps')],
    [vendor, join(directory, '.keyfleet/vendor')],
  ] as const) {
    if (!existsSync(link)) symlinkSync(target, link);
  }
}

function personOf({ email, passwordFile }: RunFile['admin']): Person {
  return { email, password: readFileSync(passwordFile, 'utf8').trim() };
}
