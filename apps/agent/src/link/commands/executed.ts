import { join } from 'node:path';
import { isId } from '@keyfleet/kernel';
import { readIfThere, writeDurably } from '../identity/files.js';

/** More than a minute's commands by far; what is older has expired. */
const KEPT = 512;

/** Ids of commands that were begun, on the disk before they begin: none is executed twice, a crash included. */
export class ExecutedCommands {
  readonly #path: string;
  readonly #ids: Set<string>;

  constructor(directory: string) {
    this.#path = join(directory, 'link', 'executed-commands');
    const lines = (readIfThere(this.#path) ?? '').split('\n');
    this.#ids = new Set(lines.filter((line) => isId('cmd', line)));
  }

  /** False where it was begun before. Throws where the disk refuses; then it must not be executed. */
  begin(id: string): boolean {
    if (this.#ids.has(id)) return false;
    const kept = [...this.#ids, id].slice(-KEPT);
    writeDurably(this.#path, `${kept.join('\n')}\n`);
    for (const old of this.#ids) if (this.#ids.size >= KEPT) this.#ids.delete(old);
    this.#ids.add(id);
    return true;
  }
}
