import { statfsSync } from 'node:fs';

/** An error whose message is all that a reader needs. */
export class Explained extends Error {}

const OLDEST = [20, 19];
const NEEDED_BYTES = 1.5 * 2 ** 30;

export function checkNode(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new Explained(
    `Keyfleet needs Node ${OLDEST.join('.')} or newer to begin with, and this is ${version}; install a current Node (it brings npm) and try again.`,
  );
}

export function checkDisk(folder) {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize >= NEEDED_BYTES) return;
  const free = ((bavail * bsize) / 2 ** 30).toFixed(1);
  throw new Explained(
    `The packages need about 1.5 GB of disk under ${folder}, and ${free} GB are free; make room and try again.`,
  );
}
