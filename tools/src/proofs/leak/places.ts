import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Form } from './forms.js';

/** Somewhere a value could have ended up. */
export interface Place {
  readonly name: string;
  /** Forms this place can hold; all by default. */
  readonly forms?: readonly Form[];
  /** Puts a leak there, as a fault in the product would. */
  plant(leak: Buffer): Promise<void>;
  /** Everything there is, piece by piece. */
  read(): AsyncIterable<Buffer>;
}

/** All files below a folder; what vanishes while it is read was temporary. */
export async function* filesBelow(
  folder: string,
  wanted: (path: string) => boolean = () => true,
): AsyncIterable<Buffer> {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || !wanted(path)) continue;
    try {
      yield readFileSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

/** A place that was recorded while things happened. */
export class Recorded implements Place {
  readonly name: string;
  readonly #chunks: Buffer[] = [];
  readonly #plant: (leak: Buffer) => Promise<void>;

  constructor(name: string, plant: (leak: Buffer) => Promise<void>) {
    this.name = name;
    this.#plant = plant;
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  plant(leak: Buffer): Promise<void> {
    return this.#plant(leak);
  }

  async *read(): AsyncIterable<Buffer> {
    // One piece: a value may have been cut in two on its way.
    yield Buffer.concat(this.#chunks);
  }
}
