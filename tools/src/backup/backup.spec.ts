import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '@keyfleet/platform';
import { temporaryDirectory } from '@keyfleet/testing';
import { readBackup } from './read.js';
import { KEPT_TABLES, LEFT_TABLES } from './tables.js';
import { event, newKey, World } from './testing/world.js';

const CHUNK = 64 * 1024 + 16;

let world: World;
let key: Awaited<ReturnType<typeof newKey>>;

beforeAll(async () => {
  key = await newKey();
});
beforeEach(async () => {
  world = await World.make();
});
afterEach(() => world.drop());

async function fill(events: number, bytesEach = 100): Promise<void> {
  const store = world.store();
  const orgId = newId('org');
  for (let from = 0; from < events; from += 500) {
    // What cannot be compressed, so that the file has many chunks.
    const batch = Array.from({ length: Math.min(500, events - from) }, () =>
      event('Noted', { text: randomBytes(bytesEach).toString('base64') }, { orgId }),
    );
    await store.append(`note-${newId('cmd')}`, 'no-stream', batch);
  }
}

const opened = (file: string) => readBackup({ file, key: { identities: [key.identity] } });
const lock = () => ({ recipients: [key.recipient] });

describe('what a backup holds', () => {
  it('is decided for every table of a migrated database: kept, rebuilt from events, or left for a reason', async () => {
    const there = await world.query<{ name: string }>(
      'kf_owner',
      `select schemaname || '.' || tablename as name from pg_tables
       where schemaname not in ('pg_catalog', 'information_schema') order by 1`,
    );
    const rebuilt = await world.query<{ physical: string }>(
      'kf_worker',
      'select physical from projections.tables',
    );
    const known = new Set([
      ...KEPT_TABLES.map(({ name }) => name),
      ...Object.keys(LEFT_TABLES),
      ...rebuilt.map(({ physical }) => physical),
    ]);
    expect(there.map(({ name }) => name).filter((name) => !known.has(name))).toEqual([]);
    const found = new Set(there.map(({ name }) => name));
    expect(
      [...KEPT_TABLES.map(({ name }) => name), ...Object.keys(LEFT_TABLES)].filter(
        (name) => !found.has(name),
      ),
    ).toEqual([]);
  });

  it('is one moment of all tables while everything is being written', async () => {
    const store = world.store();
    let writing = true;
    let written = 0;
    const writer = (async () => {
      for (; writing; written += 1) {
        const id = newId('cmd');
        await world.query(
          'kf_worker',
          `insert into registry.renewal_nonces (agent_id, nonce) values ('a', '${id}')`,
        );
        await store.append(`note-${id}`, 'no-stream', [event('Noted', { id })]);
      }
    })();
    while (written < 5) await new Promise((resolve) => setImmediate(resolve));
    const { output, head, manifest } = await world.backup({ lock: lock() });
    writing = false;
    await writer;
    const read = await opened(output);
    const rows = (name: string) => manifest.tables.find((table) => table.name === name)?.rows ?? -1;
    expect(read.manifest).toEqual(manifest);
    expect(head.position).toBe(String(rows('store.events')));
    // Each nonce is committed before its event: the moment lies behind none or one of them.
    expect(rows('registry.renewal_nonces') - rows('store.events')).toBeGreaterThanOrEqual(0);
    expect(rows('registry.renewal_nonces') - rows('store.events')).toBeLessThanOrEqual(1);
  });

  it('is refused where keys were changed meanwhile, and leaves no file', async () => {
    await fill(10);
    const taking = world.backup({
      lock: lock(),
      onProgress: () => world.write('authority/ca.key', 'another'),
    });
    await expect(taking).rejects.toMatchObject({ code: 'backup.keys-changed' });
    expect(readdirSync(world.directory).filter((name) => name.includes('.age'))).toEqual([]);
  });

  it('never overwrites a file, and is readable by its owner only', async () => {
    const { output } = await world.backup({ lock: lock() });
    expect(statSync(output).mode & 0o077).toBe(0);
    await expect(world.backup({ lock: lock(), output })).rejects.toMatchObject({
      code: 'backup.file-exists',
    });
  });

  it('shows none of its keys: not in the file, not in a file beside it, not in the folder for temporary files', async () => {
    const before = new Set(readdirSync(tmpdir()));
    const { output } = await world.backup({ lock: lock() });
    const secret = readFileSync(world.place.path('authority/ca.key'), 'utf8').trim();
    expect(readFileSync(output).includes(secret)).toBe(false);
    expect(readdirSync(world.directory).sort()).toEqual(
      ['authority', output.split('/').at(-1), 'secrets'].sort(),
    );
    const made = readdirSync(tmpdir()).filter(
      (name) => !before.has(name) && /keyfleet-backup|\.age/.test(name),
    );
    expect(made).toEqual([]);
  });
});

describe('opening a backup', () => {
  it('takes any of its recipients, and no other key', async () => {
    const [second, stranger] = [await newKey(), await newKey()];
    const { output } = await world.backup({ lock: { recipients: [key.recipient, second.recipient] } });
    await expect(opened(output)).resolves.toBeDefined();
    await expect(readBackup({ file: output, key: { identities: [second.identity] } })).resolves.toBeDefined();
    await expect(
      readBackup({ file: output, key: { identities: [stranger.identity] } }),
    ).rejects.toMatchObject({
      code: 'restore.cannot-open',
    });
  });

  it('takes its passphrase, and no other', async () => {
    const { output } = await world.backup({ lock: { passphrase: 'correct horse battery' } });
    await expect(
      readBackup({ file: output, key: { passphrase: 'correct horse battery' } }),
    ).resolves.toBeDefined();
    await expect(
      readBackup({ file: output, key: { passphrase: 'correct horse stable!' } }),
    ).rejects.toMatchObject({
      code: 'restore.cannot-open',
    });
  });

  it('says of what is no backup that it is none', async () => {
    const file = join(world.directory, 'other.age');
    writeFileSync(file, 'hello');
    await expect(opened(file)).rejects.toMatchObject({ code: 'restore.damaged' });
    await expect(opened(join(world.directory, 'nowhere'))).rejects.toMatchObject({
      code: 'restore.not-a-backup',
    });
  });

  const age = [process.env['KEYFLEET_TEST_AGE'] ?? '', '/usr/bin/age'].find(
    (path) => path && existsSync(path),
  );
  it(`is done by age and tar as well${age ? '' : ' (age is not installed here: only the other way round is tried)'}`, async () => {
    await fill(20);
    const { output } = await world.backup({ lock: lock() });
    if (!age) return expect((await opened(output)).manifest.tables.length).toBe(KEPT_TABLES.length);
    const folder = mkdtempSync(join(temporaryDirectory('age'), 'x'));
    const identity = join(folder, 'key');
    writeFileSync(identity, key.identity, { mode: 0o600 });
    const tar = execFileSync(age, ['-d', '-i', identity, output], { maxBuffer: 1 << 28 });
    execFileSync('tar', ['xz', '-C', folder], { input: tar });
    const rows = readFileSync(join(folder, 'tables/store.events/00000001.copy'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(rows).toHaveLength(20);
    expect(readFileSync(join(folder, 'files/authority/ca.key'), 'utf8')).toBe(
      readFileSync(world.place.path('authority/ca.key'), 'utf8'),
    );
  });
});

describe('F30: a backup that was changed', () => {
  let whole: Buffer;
  let starts: number[];
  let file: string;

  beforeEach(async () => {
    await fill(4_000);
    const { output } = await world.backup({ lock: lock() });
    whole = readFileSync(output);
    rmSync(output);
    file = join(world.directory, 'changed.age');
    // Behind age's header and its nonce the chunks follow each other.
    const header = whole.indexOf('\n--- ') + 1;
    const payload = whole.indexOf('\n', header) + 1 + 16;
    starts = [];
    for (let at = payload; at < whole.length; at += CHUNK) starts.push(at);
  });

  const refused = async (bytes: Buffer) => {
    writeFileSync(file, bytes);
    await expect(opened(file)).rejects.toMatchObject({ code: 'restore.damaged' });
  };

  it('F30: is refused with one bit flipped in each chunk of 64 KiB', async () => {
    expect(starts.length).toBeGreaterThan(4);
    for (const [n, start] of starts.entries()) {
      const changed = Buffer.from(whole);
      const at = Math.min(start + ((n * 7_919) % CHUNK), whole.length - 1);
      changed.writeUInt8(changed.readUInt8(at) ^ (1 << (n % 8)), at);
      await refused(changed);
    }
  });

  it('F30: is refused when cut off at the edge of each chunk, or a byte beside it', async () => {
    for (const start of starts)
      for (const end of [start - 1, start, start + 1]) await refused(whole.subarray(0, end));
  });

  it('F30: is refused with two chunks in each other’s place, one left out or one twice', async () => {
    const chunks = starts.map((start) => whole.subarray(start, start + CHUNK));
    const head = whole.subarray(0, starts[0]);
    const [first, second, ...rest] = chunks as [Buffer, Buffer, ...Buffer[]];
    await refused(Buffer.concat([head, second, first, ...rest]));
    await refused(Buffer.concat([head, first, ...rest]));
    await refused(Buffer.concat([head, first, first, second, ...rest]));
    await refused(Buffer.concat([head, ...chunks, rest.at(-1) as Buffer]));
  });

  it('F30: is refused with a byte changed in its header or behind its end', async () => {
    for (const at of [0, 30, (starts[0] as number) - 20, (starts[0] as number) - 1]) {
      const changed = Buffer.from(whole);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      writeFileSync(file, changed);
      await expect(opened(file)).rejects.toMatchObject({ code: expect.stringMatching(/^restore\./) });
    }
    await refused(Buffer.concat([whole, Buffer.from('x')]));
  });
});
