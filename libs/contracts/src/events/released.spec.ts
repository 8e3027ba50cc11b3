import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EVENT_CATALOGUE } from './index.js';

/** One event of every type, as the release in the file's name wrote it. Stores hold such events for ever. */
interface Released {
  readonly release: string;
  readonly context: string;
  readonly type: string;
  readonly v: number;
  readonly data: unknown;
}

const FOLDER = join(import.meta.dirname, 'released');
/** SHA-256 of each file: what was released does not change any more. A release adds a file and its line here. */
const FROZEN: Readonly<Record<string, string>> = {
  '0.1.0.json': 'baa3af9a9d02ea8c95e108f7374789a420e896f6b1ce5127e275adb9345c6e45',
};

const released: readonly Released[] = readdirSync(FOLDER).flatMap((file) =>
  (JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Omit<Released, 'release'>[]).map((one) => ({
    ...one,
    release: file.replace(/\.json$/, ''),
  })),
);
const definitions = Object.values(EVENT_CATALOGUE).flat();

describe('events of every release', () => {
  it('F17: are kept as they were released', () => {
    const now = readdirSync(FOLDER).map((file) => [
      file,
      createHash('sha256')
        .update(readFileSync(join(FOLDER, file)))
        .digest('hex'),
    ]);
    expect(Object.fromEntries(now)).toEqual(FROZEN);
  });

  it('F17: are there for every type and version the catalogue has', () => {
    const has = new Set(released.map(({ type, v }) => `${type} v${v}`));
    expect(definitions.map(({ type, v }) => `${type} v${v}`).filter((one) => !has.has(one))).toEqual([]);
  });

  it.each(released)('F17: $type v$v of $release is understood as it stands', ({ type, v, data }) => {
    const definition = definitions.find((one) => one.type === type);
    // A version that was raised needs an upcaster at the door before this test may ask for the newer one.
    expect(definition?.v).toBe(v);
    expect(definition?.data.parse(data)).toEqual(data);
  });
});
