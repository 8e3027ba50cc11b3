import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRoles, type PostgresServer, startPostgres } from '@keyfleet/embedded';
import { isKeyfleetError } from '@keyfleet/kernel';
import { temporaryDirectory, waitFor } from '@keyfleet/testing';
import postgres from 'postgres';
import { event, everything, idsOf } from '../contract/fixture.contract.js';
import type { AppendResult, EventStore, NewEvent } from '../port.js';
import { createPostgresEventStore, eventStoreMigrations } from './index.js';

interface TinyDisk {
  readonly directory: string;
  /** Leaves no room to grow in. */
  fill(server: PostgresServer): void;
  free(server: PostgresServer): void;
  remove(): void;
}

/** Of the write-ahead log: no new one can be made. */
const HALF_A_SEGMENT = '8388608';

/** Root may mount a disk of 160 MB in memory; anybody else has the kernel refuse files that grow. */
function tinyDisk(): TinyDisk {
  const directory = temporaryDirectory('disk');
  return process.getuid?.() === 0 ? mounted(directory) : limited(directory);
}

function mounted(directory: string): TinyDisk {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=160m,mode=755', 'tmpfs', directory]);
  const ballast = join(directory, 'ballast');
  return {
    directory,
    fill: () => {
      const { bavail, bsize } = statfsSync(directory);
      writeFileSync(ballast, Buffer.alloc(bavail * bsize - 256 * 1024));
    },
    free: () => rmSync(ballast, { force: true }),
    remove: () => void execFileSync('umount', [directory]),
  };
}

function limited(directory: string): TinyDisk {
  const limit = (server: PostgresServer, bytes: string) => {
    const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8').split(/\s+/);
    for (const pid of [String(server.pid), ...children.filter(Boolean)])
      execFileSync('prlimit', ['--pid', pid, `--fsize=${bytes}:`]);
  };
  return {
    directory,
    fill: (server) => limit(server, HALF_A_SEGMENT),
    free: (server) => limit(server, 'unlimited'),
    remove: () => {},
  };
}

const SETTINGS = { max_wal_size: '64MB', min_wal_size: '32MB', wal_keep_size: '0' };

it('F19: a full disk makes appends wait and halves none of them, and what was acknowledged is there afterwards', async () => {
  const disk = tinyDisk();
  let server = await startPostgres({ directory: join(disk.directory, 'pg'), settings: SETTINGS });
  const store = createPostgresEventStore({ url: await migrated(server) });
  try {
    const acknowledged: string[] = [];
    const sent = new Map<string, NewEvent[]>();
    let refusals = 0;
    const write = async (stream: string): Promise<boolean> => {
      const batch = sent.get(stream) ?? Array.from({ length: 20 }, big);
      sent.set(stream, batch);
      const result = await attempt(store, stream, batch);
      if (!result) refusals += 1;
      else acknowledged.push(...idsOf(batch));
      return result !== undefined;
    };
    for (let n = 0; n < 5; n += 1) expect(await write(`agent-${n}`)).toBe(true);
    disk.fill(server);
    // Some still fit into what is allocated already.
    let full = 5;
    await waitFor(async () => !(await write(`agent-${full}`)) || (full++ && false), { ceilingMs: 60_000 });
    for (let n = 0; n < 3; n += 1) await write(`agent-${full}`);
    expect(refusals).toBeGreaterThan(0);

    disk.free(server);
    const ended = await Promise.race([server.exited.then(() => true), aMoment()]);
    if (ended)
      server = await startPostgres({
        ...{ directory: join(disk.directory, 'pg'), port: server.port, settings: SETTINGS },
      });
    // The same append again, until it is answered: its outcome was not known.
    await waitFor(() => write(`agent-${full}`), { ceilingMs: 60_000 });
    expect(await write('agent-after')).toBe(true);
    const truth = await everything(store);
    expect(idsOf(truth).sort()).toEqual([...acknowledged].sort());
    expect(truth.map(({ position }) => position)).toEqual(truth.map((_, n) => String(n + 1)));
  } finally {
    await store.close();
    await server.stop('immediate');
    disk.remove();
  }
}, 180_000);

/** Text that does not compress, so that the disk has to take it. */
function big(): NewEvent {
  const text = Array.from({ length: 1_000 }, () => Math.random().toString(36).slice(2)).join('');
  return event('Noted', { data: { text } });
}

async function attempt(
  store: EventStore,
  stream: string,
  batch: readonly NewEvent[],
): Promise<AppendResult | undefined> {
  try {
    const result = await store.append(stream, 'no-stream', batch);
    expect(result).toMatchObject({ outcome: 'appended', revision: BigInt(batch.length - 1) });
    return result;
  } catch (error) {
    if (isKeyfleetError(error, 'store.unavailable')) return undefined;
    throw error;
  }
}

const aMoment = (): Promise<false> => new Promise((resolve) => setTimeout(() => resolve(false), 2_000));

async function migrated(server: PostgresServer): Promise<string> {
  await createRoles(server, { kf_store: 'spec' });
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  for (const { up } of eventStoreMigrations) await up(sql);
  await sql.end();
  return server.url.replace(/\/\/[^@]+@/, '//kf_store:spec@');
}
