import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keyfleet/testing';
import { ApiClient } from './api/client.contract.js';

/** The real agent in a process of its own, run from its sources. */
export class AgentProcess {
  readonly directory: string;
  readonly child: ChildProcess;
  readonly api: ApiClient;
  readonly exited: Promise<{ code: number | null; signal: string | null }>;

  private constructor(directory: string, child: ChildProcess, api: ApiClient) {
    this.directory = directory;
    this.child = child;
    this.api = api;
    this.exited =
      child.exitCode !== null || child.signalCode !== null
        ? Promise.resolve({ code: child.exitCode, signal: child.signalCode })
        : new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  }

  static async start(
    directory: string,
    env: Record<string, string> = {},
    ipc = false,
  ): Promise<AgentProcess> {
    mkdirSync(directory, { recursive: true });
    const about = join(directory, 'agent.json');
    rmSync(about, { force: true });
    const register = join(process.cwd(), 'libs/testing/jest/register.mjs');
    const child = spawn(
      process.execPath,
      ['--import', register, join(process.cwd(), 'apps/agent/src/main.ts')],
      {
        stdio: ['pipe', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
        env: {
          PATH: process.env.PATH,
          KEYFLEET_AGENT__DIRECTORY: directory,
          KEYFLEET_AGENT__NAME: 'site-7',
          ...env,
        },
      },
    );
    const said: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => said.push(chunk.toString('utf8')));
    const found = await waitFor(
      () => {
        if (child.exitCode !== null) return 'ended';
        return existsSync(about) && (JSON.parse(readFileSync(about, 'utf8')) as { url: string });
      },
      { ceilingMs: 60_000, what: 'The agent’s start' },
    );
    if (found === 'ended') throw new Error(`The agent did not start: ${said.join('')}`);
    const { url } = found;
    return new AgentProcess(directory, child, new ApiClient(directory, url));
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    this.child.kill(signal);
    await this.exited;
    this.api.close();
  }
}
