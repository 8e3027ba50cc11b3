import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** A script of this folder as a process of its own that ends with us: built, or from its source where nothing was built. */
export function startChild(script: string, settings: object): ChildProcess {
  const built = join(import.meta.dirname, `${script}.js`);
  const fromSource = !existsSync(built);
  return fork(fromSource ? join(import.meta.dirname, `${script}.ts`) : built, [], {
    execArgv: fromSource ? ['--import', resolve('libs/testing/jest/register.mjs')] : ['--enable-source-maps'],
    env: { ...process.env, KEYFLEET_PROOF: JSON.stringify(settings) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

export async function endChild(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}
