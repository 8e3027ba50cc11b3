import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Whole or not at all, on disk before it returns, and never readable by others. */
export function writePrivateFile(path: string, content: string): void {
  const part = `${path}.${process.pid}.${randomBytes(3).toString('hex')}.part`;
  try {
    writePart(part, content);
    renameSync(part, path);
  } catch (error) {
    // Half a key is a key in the wrong place, and a disk that is full does not get emptier by it.
    rmSync(part, { force: true });
    throw error;
  }
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function writePart(part: string, content: string): void {
  const file = openSync(part, 'wx', 0o600);
  try {
    // Not `writeSync`, which takes it for success that only a part found room.
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
