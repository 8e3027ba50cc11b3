import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Where everything of the embedded installation lies: all of it under `.keyfleet/`, which may be deleted to begin anew. */
export class Layout {
  readonly root: string;
  readonly state: string;

  constructor(root: string) {
    this.root = resolve(root);
    this.state = join(this.root, '.keyfleet');
    mkdirSync(this.state, { recursive: true, mode: 0o700 });
  }

  /** A path under `.keyfleet/`. */
  in(...parts: readonly string[]): string {
    return join(this.state, ...parts);
  }

  /** The built entry of an app, for example `app('registry', 'migrate')`. */
  app(name: string, entry = 'main'): string {
    return join(this.root, 'apps', name, 'dist', `${entry}.js`);
  }

  log(name: string): string {
    return this.in('logs', `${name}.log`);
  }

  /** Logs of earlier starts stay until they are long; then one generation is kept beside the new file. */
  turnLogs(longestBytes = 10 * 1024 * 1024): void {
    const folder = this.in('logs');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.log'))) {
      const file = join(folder, name);
      if (statSync(file).size > longestBytes) renameSync(file, `${file}.1`);
    }
  }

  get runFile(): string {
    return this.in('run.json');
  }

  passwordFile(person: string): string {
    return this.in('secrets', `${person}-password`);
  }
}
