import { execFileSync } from 'node:child_process';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { familyOf, signalAll } from '../family.js';

/** What a power failure at this moment would leave: copied while every process that writes there stands still. */
export function takeImage(pid: number, directory: string, image: string): void {
  const frozen = familyOf(pid);
  signalAll(frozen, 'SIGSTOP');
  try {
    rmSync(image, { recursive: true, force: true });
    execFileSync('cp', ['-a', '--reflink=auto', directory, image]);
  } finally {
    signalAll(frozen, 'SIGCONT');
  }
}

/** Puts a copy of the image in the folder's place; the processes that used it are dead. Quick: two renames. */
export function putBack(image: string, directory: string): void {
  const spare = `${image}.next`;
  if (!existsSync(spare)) prepare(image);
  const away = `${directory}.before`;
  rmSync(away, { recursive: true, force: true });
  renameSync(directory, away);
  renameSync(spare, directory);
  rmSync(away, { recursive: true, force: true });
}

/** Has the copy ready that `putBack` will use up. */
export function prepare(image: string): void {
  rmSync(`${image}.next`, { recursive: true, force: true });
  execFileSync('cp', ['-a', '--reflink=auto', image, `${image}.next`]);
}
