import { readFileSync } from 'node:fs';

/** Whether a process runs and is what it is taken for: a pid alone could be somebody else's by now. */
export function isRunning(pid: number, command: string): boolean {
  try {
    return pid > 0 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(command);
  } catch {
    return false;
  }
}
