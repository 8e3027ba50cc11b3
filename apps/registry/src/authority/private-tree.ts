import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** A file tree that only its owner can read, written whole or not at all. */
export class PrivateTree {
  readonly root: string;

  constructor(root: string) {
    this.root = resolve(root);
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  has(name: string): boolean {
    return existsSync(this.path(name));
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8').trim();
  }

  /** Leaves a file that already says this untouched. With `group` the owner's group may read it too. */
  write(name: string, text: string, options: { readonly group?: boolean } = {}): void {
    const content = `${text.trimEnd()}\n`;
    const path = this.path(name);
    if (!(existsSync(path) && readFileSync(path, 'utf8') === content)) {
      mkdirSync(dirname(path), { recursive: true, mode: options.group ? 0o750 : 0o700 });
      const part = `${path}.${process.pid}.part`;
      writeFileSync(part, content, { mode: 0o600 });
      renameSync(part, path);
    }
    if (options.group) chmodSync(path, 0o640);
  }
}
