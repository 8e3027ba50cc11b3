import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Explained } from './machine.mjs';

/** Builds what changed since the last time; nothing is type-checked here. */
export async function build(root) {
  const bin = join(root, 'node_modules', '.bin');
  const result = spawnSync(
    pinnedNode(root),
    [join(bin, 'nx'), 'run-many', '-t', 'build', '--output-style=static'],
    {
      cwd: root,
      // Scripts of the build are to run on the pinned Node too.
      env: {
        ...process.env,
        PATH: `${bin}${delimiter}${process.env.PATH ?? ''}`,
        NX_DAEMON: 'false',
        NX_TUI: 'false',
      },
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    },
  );
  if (result.status !== 0)
    throw new Explained(`The build failed.\n${`${result.stdout ?? ''}${result.stderr ?? ''}`.trim()}`);
}

/** The Node that came with the packages; without one for this machine, the one that runs this, if it is new enough. */
export function findNode(root) {
  const pinned = join(root, 'node_modules', '.bin', 'node');
  if (existsSync(pinned)) return pinned;
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major > 24 || (major === 24 && minor >= 9) ? process.execPath : undefined;
}

export function pinnedNode(root) {
  const found = findNode(root);
  if (found) return found;
  throw new Explained(
    `There is no packaged Node for ${process.platform} ${process.arch}; install Node 24.9 or newer and try again.`,
  );
}
