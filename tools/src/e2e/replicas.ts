import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, type ManagedProcess } from '@keyfleet/embedded';
import { isReady, isServing, startNodeProcess } from '../launcher/node-process.js';
import type { Stack } from './stack.js';

export interface Replica {
  readonly name: string;
  readonly pid: number;
  readonly operationsUrl: string;
  /** A gateway's own door. */
  readonly url: string;
  /** False once it has ended. */
  isRunning(): boolean;
  stop(): Promise<unknown>;
}

/** What a running process was told, without what was only meant for Node. */
export function environmentOf(pid: number): Record<string, string> {
  const pairs = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean);
  const all = pairs.map((pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string]);
  return Object.fromEntries(all.filter(([name]) => name.startsWith('KEYFLEET_')));
}

/** What the first process of a service was told. */
export function settingsOf(stack: Stack, name: string): Record<string, string> {
  const first = stack.run.services.find((service) => service.name === name);
  if (!first) throw new Error(`There is no ${name}`);
  return environmentOf(first.pid);
}

/** A second process of a service, told what the first was told but for the ports it listens on. */
export async function startReplica(
  stack: Stack,
  name: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Replica> {
  return launchReplica(stack, name, { ...settingsOf(stack, name), ...settings }, isServing);
}

/** Such a process with all of its settings given; ready when `ready` says so of the URL of its operations. */
export async function launchReplica(
  stack: Stack,
  name: string,
  settings: Readonly<Record<string, string>>,
  ready: (operationsUrl: string) => Promise<boolean>,
): Promise<Replica> {
  const [operations, http] = [await freePort(), await freePort()];
  const operationsUrl = `http://127.0.0.1:${operations}`;
  const replica: ManagedProcess = await startNodeProcess({
    name: `${name}-2`,
    script: join(stack.directory, `apps/${name}/dist/main.js`),
    cwd: stack.directory,
    logFile: join(stack.directory, `${name}-2.log`),
    env: {
      ...settings,
      KEYFLEET_OPERATIONS__PORT: String(operations),
      ...(name === 'gateway' ? { KEYFLEET_HTTP__PORT: String(http) } : {}),
    },
    ready: () => ready(operationsUrl),
    readyTimeoutMs: 90_000,
  });
  return {
    name,
    pid: replica.pid,
    operationsUrl,
    url: `http://127.0.0.1:${http}`,
    isRunning: () => replica.exit === undefined,
    stop: () => replica.stop(),
  };
}

export const isFullyReady = (replica: Replica): Promise<boolean> =>
  isReady(replica.operationsUrl).catch(() => false);
