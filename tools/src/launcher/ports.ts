import { existsSync, readFileSync } from 'node:fs';
import { freePort, writePrivate } from '@keyfleet/embedded';

/** Free ports under names, the same ones at the next start where they are still free: bookmarks and enrolled agents keep working. */
export class Ports {
  readonly #file: string;
  readonly #known: Record<string, number>;
  readonly #given = new Set<number>();

  constructor(file: string) {
    this.#file = file;
    this.#known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>) : {};
  }

  async get(name: string): Promise<number> {
    let port = await freePort(this.#known[name]);
    while (this.#given.has(port)) port = await freePort();
    this.#given.add(port);
    this.#known[name] = port;
    return port;
  }

  /** Tells where something listens that chose for itself. */
  set(name: string, port: number): void {
    this.#known[name] = port;
  }

  preferred(name: string): number | undefined {
    return this.#known[name];
  }

  save(): void {
    writePrivate(this.#file, `${JSON.stringify(this.#known, null, 2)}\n`);
  }
}
