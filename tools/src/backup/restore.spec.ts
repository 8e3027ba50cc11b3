import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { newId } from '@keyfleet/platform';
import { closeSql, createSql } from '@keyfleet/postgres';
import { migrate, type Projection, runProjection } from '@keyfleet/read-store';
import { agentsProjection } from '@keyfleet/registry/read-model';
import { waitFor } from '@keyfleet/testing';
import { furnish, IDS } from './testing/furnish.js';
import { allMigrations, event, newKey, World } from './testing/world.js';

let key: Awaited<ReturnType<typeof newKey>>;
const worlds: World[] = [];

async function make(options?: Parameters<typeof World.make>[0]): Promise<World> {
  const world = await World.make(options);
  worlds.push(world);
  return world;
}

beforeAll(async () => {
  key = await newKey();
});
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.drop();
});

const take = (world: World) => world.backup({ lock: { recipients: [key.recipient] } });
const open = () => ({ identities: [key.identity] });
const { orgId, agentId, tokenId, userId } = IDS;

describe('a restore into a folder and a server that have nothing', () => {
  it('brings back every row and key, word for word', async () => {
    const before = await make();
    await furnish(before);
    const { output, manifest } = await take(before);
    const after = await make({ keys: false });
    const { done, files } = await after.restore({ file: output, key: open() });
    expect(done?.checked).toMatchObject({ events: 7, journals: 1 });
    expect(files.missing).toHaveLength(4);
    for (const name of ['authority/ca.key', 'authority/root/operator.nk', 'secrets/cursor-secret'])
      expect(readFileSync(after.place.path(name))).toEqual(readFileSync(before.place.path(name)));
    const entries = async (world: World) =>
      (await world.store().readStream(`journal-${agentId}.1`)).map((e) => ({ ...e }));
    expect(await entries(after)).toEqual(await entries(before));
    expect(manifest.tables.find(({ name }) => name === 'identity.people')?.rows).toBe(1);
    const people = (world: World) => world.query('kf_identity', 'select * from identity.people');
    expect(await people(after)).toEqual(await people(before));
    const revoked = (world: World) => world.query('kf_worker', 'select * from registry.revocations');
    expect(await revoked(after)).toEqual(await revoked(before));
  });

  it('ends every session and every enrolment token, and says in the store that it happened', async () => {
    const before = await make();
    await furnish(before);
    const { output, head } = await take(before);
    const after = await make({ keys: false });
    await after.restore({ file: output, key: open() });
    expect(await after.query('kf_identity', 'select 1 from identity.sessions')).toEqual([]);
    expect(await after.query('kf_worker', 'select 1 from registry.enrolment_secrets')).toEqual([]);
    const [fact] = await after.store().readStream(`installation-${before.installationId}`);
    expect(fact).toMatchObject({
      type: 'ControlPlaneRestored',
      data: { takenAt: head.takenAt, position: '7' },
    });
  });

  it('never gives a position out again: what follows one of the lost time goes on behind all of them', async () => {
    const before = await make();
    await furnish(before);
    const { output } = await take(before);
    const lost = await before.store().append('note-1', 'no-stream', [event('Noted', {})]);
    const after = await make({ keys: false });
    await after.restore({ file: output, key: open() });
    const store = after.store();
    await store.append('note-2', 'no-stream', [event('Noted', {})]);
    const held = 'position' in lost ? lost.position : '';
    const next = await store.readAll({ after: held });
    expect(next.events.map(({ type }) => type)).toEqual(['ControlPlaneRestored', 'Noted']);
    expect(BigInt(next.events[0]?.position ?? 0)).toBe(1_000_000_000_001n);
  });

  it('repro-bootstrap-after-restore: rebuilds what commands decide by before anybody can ask, the rest from the beginning', async () => {
    const before = await make();
    await furnish(before);
    const { output } = await take(before);
    const after = await make({ keys: false });
    await after.restore({ file: output, key: open() });
    const checkpoints = await after.query<{ projection: string; position: string | null }>(
      'kf_worker',
      'select projection, position from projections.checkpoints order by projection',
    );
    const ready = checkpoints.filter(({ position }) => position !== null).map(({ projection }) => projection);
    expect(ready).toEqual([
      'identity.directory',
      'registry.enrolment-tokens',
      'registry.groups',
      'registry.watched-agents',
    ]);
    expect(checkpoints.length).toBeGreaterThan(ready.length);
    expect(await after.query('kf_worker', 'select 1 from identity.organisations')).toHaveLength(1);
    await caughtUp(after, agentsProjection);
  });

  it('goes on numbering streams, kinds and organisations behind those that are there', async () => {
    const before = await make();
    await furnish(before);
    const { output } = await take(before);
    const after = await make({ keys: false });
    await after.restore({ file: output, key: open() });
    const fresh = event('Something', {}, { orgId: newId('org') });
    expect(await after.store().append('fresh-1', 'no-stream', [fresh])).toMatchObject({
      outcome: 'appended',
    });
    expect(
      await after.store().append(`journal-${agentId}.1`, 2n, [event('SecretDeleted', {}, { orgId })]),
    ).toMatchObject({
      outcome: 'appended',
    });
  });
});

async function caughtUp(world: World, projection: Projection): Promise<void> {
  const sql = createSql({ url: world.url('kf_worker'), applicationName: 'test', max: 2 });
  const [stop, store] = [new AbortController(), world.store()];
  const running = runProjection({ sql, store, projection, signal: stop.signal });
  const head = await store.headPosition();
  await waitFor(async () => {
    const [row] = await sql<{ position: string | null }[]>`
      select position from projections.checkpoints where projection = ${projection.name} and state = 'current'`;
    return row?.position === head;
  });
  stop.abort();
  await running;
  await closeSql(sql);
}

describe('a restore over an installation that is there', () => {
  it('keeps the old database, and its own keys', async () => {
    const world = await make();
    await furnish(world);
    const { output } = await take(world);
    world.write('authority/ca.key', 'rotated since');
    await world.store().append('note-1', 'no-stream', [event('Noted', {})]);
    await world.disconnect();
    const { done, files } = await world.restore({ file: output, key: open() });
    expect(files).toMatchObject({ missing: [], replaced: false });
    expect(readFileSync(world.place.path('authority/ca.key'), 'utf8')).toBe('rotated since\n');
    expect(await world.databases()).toEqual([world.place.database, done?.previous]);
    expect(await world.store().streamRevision('note-1')).toBeNull();
  });

  it('carries over what was taken away since, where the old database can be read', async () => {
    const world = await make();
    await furnish(world);
    const { output } = await take(world);
    const store = world.store();
    const ended = event('ApiTokenRevoked', { tokenId, orgId }, { orgId });
    await store.append(`apitoken-${tokenId}`, 0n, [ended]);
    await store.append(`user-${userId}`, 0n, [event('UserDisabled', { userId }, { orgId })]);
    await store.append(`apitoken-${newId('tok')}`, 'no-stream', [event('ApiTokenRevoked', {}, { orgId })]);
    const nkey = `U${'A'.repeat(55)}`;
    await world.query(
      'kf_worker',
      `insert into registry.revocations (nkey, jwt_expires_at) values ('${nkey}', now())`,
    );
    await world.disconnect();
    const { done } = await world.restore({ file: output, key: open() });
    expect(done).toMatchObject({ carriedOver: { facts: 2, revocations: 1 }, livingTokens: 0 });
    const after = world.store();
    expect((await after.readStream(`apitoken-${tokenId}`)).map(({ id }) => id)[1]).toBe(ended.id);
    expect((await after.readStream(`user-${userId}`)).map(({ type }) => type)).toEqual([
      'UserActivated',
      'UserDisabled',
    ]);
    expect(
      await world.query('kf_worker', `select 1 from registry.revocations where nkey = '${nkey}'`),
    ).toHaveLength(1);
  });

  it('counts the API tokens that are good again where nothing is known, and ends them all where told to', async () => {
    const before = await make();
    await furnish(before);
    const { output } = await take(before);
    const [kept, ended] = [await make({ keys: false }), await make({ keys: false })];
    const first = await kept.restore({ file: output, key: open() });
    expect(first.done).toMatchObject({ livingTokens: 1, revokedTokens: 0 });
    const second = await ended.restore({ file: output, key: open(), revokeApiTokens: true });
    expect(second.done).toMatchObject({ livingTokens: 0, revokedTokens: 1 });
    expect((await ended.store().readStream(`apitoken-${tokenId}`)).at(-1)?.type).toBe('ApiTokenRevoked');
  });

  it('is refused while anybody uses the database', async () => {
    const world = await make();
    const { output } = await take(world);
    await world.store().headPosition();
    await expect(world.restore({ file: output, key: open() })).rejects.toMatchObject({
      code: 'restore.running',
      message: expect.stringContaining('test'),
    });
    expect(await world.databases()).toEqual([world.place.database]);
  });

  it('changes nothing where a service comes back at the last moment', async () => {
    const world = await make();
    await furnish(world);
    const { output } = await take(world);
    await world.disconnect();
    let times = 0;
    const late = world.restore({
      file: output,
      key: open(),
      migrate: async (ownerUrl, upTo) => {
        await migrate({ ownerUrl, upTo, sets: await allMigrations() });
        times += 1;
        if (times === 2) await world.store().headPosition();
      },
    });
    await expect(late).rejects.toMatchObject({ code: 'restore.running' });
    expect(await world.databases()).toEqual([world.place.database]);
  });

  it('is refused over another installation, known by its keys or by its events, unless that is said', async () => {
    const [one, other] = [await make(), await make()];
    await furnish(one);
    const { output } = await take(one);
    await expect(other.restore({ file: output, key: open() })).rejects.toMatchObject({
      code: 'restore.foreign',
    });
    const bare = await make({ keys: false });
    await bare.store().append(`detection-${newId('ins')}`, 'no-stream', [event('DetectionResumed', {})]);
    await bare.disconnect();
    await expect(bare.restore({ file: output, key: open() })).rejects.toMatchObject({
      code: 'restore.foreign',
    });
    const { files } = await other.restore({ file: output, key: open(), replaceInstallation: true });
    expect(files.replaced).toBe(true);
    const id = JSON.parse(readFileSync(other.place.path('authority/installation.json'), 'utf8')).id;
    expect(id).toBe(one.installationId);
  });

  it('is refused with a backup of a later release, and leaves everything as it was', async () => {
    const world = await make();
    await furnish(world);
    const later = [
      ...(await allMigrations()),
      { owner: 'later', migrations: [{ name: '0001_more', up: 'select 1' }] },
    ];
    await migrate({ ownerUrl: world.place.url('owner'), sets: later });
    const { output } = await take(world);
    await world.disconnect();
    await expect(world.restore({ file: output, key: open() })).rejects.toThrow(
      /later\/0001_more is not of this build/,
    );
    expect(await world.databases()).toEqual([world.place.database]);
    expect(await world.store().streamRevision(`apitoken-${tokenId}`)).toBe(0n);
  });

  it('takes a backup of an earlier release: its rows go in before the newer migrations run', async () => {
    const before = await make();
    await furnish(before);
    const { output } = await take(before);
    const after = await make({ keys: false });
    const up = 'alter table store.floor add column note text; update store.floor set note = position::text';
    const sets = [...(await allMigrations()), { owner: 'later', migrations: [{ name: '0001_note', up }] }];
    const [floor] = await before.query<{ position: string }>(
      'kf_store',
      'select position::text from store.floor',
    );
    await after.restore({
      file: output,
      key: open(),
      migrate: async (ownerUrl, upTo) => void (await migrate({ ownerUrl, sets, upTo })),
    });
    expect(await after.query('kf_store', 'select note from store.floor')).toEqual([
      { note: floor?.position },
    ]);
  });

  it('only looks where it is a dry run', async () => {
    const world = await make();
    await furnish(world);
    const { output } = await take(world);
    await world.disconnect();
    const looked = await world.restore({ file: output, key: open(), dryRun: true });
    expect(looked.done).toBeUndefined();
    expect(await world.databases()).toEqual([world.place.database]);
  });
});

describe('F30: a restore that fails', () => {
  it('F30: replaces nothing where the file is damaged', async () => {
    const world = await make();
    await furnish(world);
    const { output } = await take(world);
    await world.disconnect();
    const bytes = readFileSync(output);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 5) ^ 1, bytes.length - 5);
    world.write('damaged.age', '');
    writeFileSync(world.place.path('damaged.age'), bytes);
    const damaged = world.restore({ file: world.place.path('damaged.age'), key: open() });
    await expect(damaged).rejects.toMatchObject({ code: 'restore.damaged' });
    expect(await world.databases()).toEqual([world.place.database]);
  });

  it.each([
    ['a hole in a stream', `update store.events set revision = revision + 1 where revision = 2`],
    [
      'a broken chain',
      `update store.events set metadata = (jsonb_set(metadata::jsonb, '{6,prev}', '"${'f'.repeat(64)}"'))::json where revision = 1`,
    ],
    ['an event of no stream', `update store.events set stream_id = 999 where revision = 2`],
  ])('F30: replaces nothing where what was backed up had %s', async (_, damage) => {
    const world = await make();
    await furnish(world);
    await world.query('kf_owner', damage);
    const { output } = await take(world);
    await world.disconnect();
    await expect(world.restore({ file: output, key: open() })).rejects.toMatchObject({
      code: 'restore.check-failed',
    });
    expect(await world.databases()).toEqual([world.place.database]);
  });

  it('F30: begins again after it was killed in the middle', async () => {
    const world = await make();
    await furnish(world);
    const { output } = await take(world);
    await world.disconnect();
    let times = 0;
    const failing = world.restore({
      file: output,
      key: open(),
      migrate: async (ownerUrl, upTo) => {
        times += 1;
        if (times === 2) throw new Error('killed');
        await migrate({ ownerUrl, upTo, sets: await allMigrations() });
      },
    });
    await expect(failing).rejects.toThrow('killed');
    expect(existsSync(world.place.path('authority/ca.key'))).toBe(true);
    expect(await world.databases()).toEqual([world.place.database]);
    await expect(world.restore({ file: output, key: open() })).resolves.toMatchObject({
      done: { checked: { events: 7 } },
    });
  });
});
