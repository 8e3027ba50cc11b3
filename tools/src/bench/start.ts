import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { waitFor } from '@keyfleet/testing';
import type { RunFile } from '../launcher/run-file.js';
import type { Bench, Figure } from './bench.js';

const REPOSITORY = resolve(import.meta.dirname, '..', '..', '..');
const CEILING_MS = 300_000;

/** From a fresh clone to everything answering, and the same folder once more. */
export const start: Bench = {
  name: 'start',
  about: 'npm start in a fresh clone, and once more',
  run: async ({ directory, say }) => {
    const clone = join(directory, 'keyfleet');
    const cloned = spawnSync('git', ['clone', '--quiet', REPOSITORY, clone], { encoding: 'utf8' });
    if (cloned.status !== 0) throw new Error(`The project could not be cloned: ${cloned.stderr}`);
    const figures: Figure[] = [];
    for (const name of ['start-first', 'start-second']) {
      say(name);
      figures.push(await started(name, clone));
    }
    return figures;
  },
};

async function started(name: string, directory: string): Promise<Figure> {
  const began = performance.now();
  const child = spawn('npm', ['start'], {
    cwd: directory,
    env: ownEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
  });
  child.stderr.resume();
  try {
    const runFile = runFileOf(directory);
    await waitFor(() => existsSync(runFile) || child.exitCode !== null, { ceilingMs: CEILING_MS });
    if (child.exitCode !== null)
      throw new Error(`npm start ended with ${child.exitCode}:\n${output.slice(-2_000)}`);
    const seconds = (performance.now() - began) / 1_000;
    await waitFor(() => /Ready: /.test(output));
    return { name, figure: seconds, unit: 's', note: /Ready: (.*)/.exec(output)?.[1] ?? '' };
  } finally {
    await ended(child, directory);
  }
}

/** npm passes a signal to a shell alone, and a shell begun in the background ignores it: the launcher is told itself. */
async function ended(child: ChildProcess, directory: string): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = once(child, 'exit');
  const runFile = runFileOf(directory);
  if (existsSync(runFile)) {
    const { launcher } = JSON.parse(readFileSync(runFile, 'utf8')) as RunFile;
    process.kill(launcher.pid, 'SIGINT');
  } else child.kill('SIGINT');
  await exit;
}

function runFileOf(directory: string): string {
  return join(directory, '.keyfleet', 'run.json');
}

/** As a newcomer's shell has it: without this installation's own tools before the system's. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const { PATH = '', HOME, LANG } = process.env;
  const path = PATH.split(delimiter).filter((folder) => !folder.includes('node_modules'));
  return { PATH: path.join(delimiter), HOME, LANG };
}
