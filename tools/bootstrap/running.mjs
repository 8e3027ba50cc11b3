import { connect } from 'node:net';
import { join, relative } from 'node:path';

/** Whether an installation runs in this folder: its launcher listens where it keeps a second one out. */
export function runsHere(root) {
  // Relative: a socket's path may have 108 bytes only, and a clone may lie deep.
  const socket = connect(relative(process.cwd(), join(root, '.keyfleet', 'control.sock')));
  return new Promise((resolve) => {
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
