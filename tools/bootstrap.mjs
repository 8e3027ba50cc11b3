// What every npm script begins with: plain JavaScript for whatever Node is there, before anything is installed.
// It installs what is missing, builds what changed, and hands over to the pinned Node.

import { build } from './bootstrap/build.mjs';
import { asTyped, goesAsItIs, jestArguments, toolEntry } from './bootstrap/commands.mjs';
import { handOver } from './bootstrap/hand-over.mjs';
import { install } from './bootstrap/install.mjs';
import { checkNode, Explained } from './bootstrap/machine.mjs';
import { runsHere } from './bootstrap/running.mjs';

const ROOT = new URL('..', import.meta.url).pathname.replace(/\/$/, '');

async function main([command, ...args]) {
  checkNode();
  process.chdir(ROOT);
  const running = await runsHere(ROOT);
  if (!goesAsItIs(ROOT, command, running)) {
    await timed('INSTALL', () => install(ROOT, running && asTyped(command, args)));
    await timed('BUILD', () => build(ROOT));
  }
  if (command === 'test') {
    const prepared = await handOver(ROOT, [toolEntry(ROOT, 'prepare', [])[0]]);
    return prepared === 0 ? handOver(ROOT, jestArguments(args)) : prepared;
  }
  return handOver(ROOT, toolEntry(ROOT, command, args));
}

/** For the launcher, which tells where the time to readiness went. */
async function timed(name, work) {
  const started = performance.now();
  await work();
  process.env[`KEYFLEET_TIME_${name}`] = ((performance.now() - started) / 1000).toFixed(3);
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    console.error(error instanceof Explained ? `\n${error.message}` : error);
    process.exitCode = 1;
  },
);
