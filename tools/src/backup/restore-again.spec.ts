import { migrate } from '@keyfleet/read-store';
import { Databases } from './databases.js';
import type { BackupHead } from './format.js';
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
const { orgId, userId } = IDS;

/** A second later, as the kept databases are named by the second. */
async function replace(world: World, file: string) {
  await world.disconnect();
  world.clock.advance(1_000);
  return world.restore({ file, key: open() });
}

describe('a restore over what was restored before', () => {
  it('repro-second-era: gives no position of the time after an earlier restore out again', async () => {
    const world = await make();
    await furnish(world);
    const { output } = await take(world);
    await replace(world, output);
    const lost = await world.store().append('note-1', 'no-stream', [event('Noted', {})]);
    await replace(world, output);
    const [fact] = await world.store().readStream(`installation-${world.installationId}`);
    expect('position' in lost && BigInt(lost.position)).toBe(1_000_000_000_002n);
    expect(fact?.position).toBe('2000000000001');
  });

  it('repro-endings-of-a-branch: carries over what was taken away in another history, wherever it stands there', async () => {
    const world = await make();
    await furnish(world);
    const first = await take(world);
    const elsewhere = await make({ installationId: world.installationId });
    await elsewhere.restore({ file: first.output, key: open() });
    for (let n = 0; n < 5; n += 1)
      await elsewhere.store().append(`note-${n}`, 'no-stream', [event('Noted', {})]);
    const later = await take(elsewhere);
    await replace(world, first.output);
    const disabled = event('UserDisabled', { userId }, { orgId });
    await world.store().append(`user-${userId}`, 0n, [disabled]);
    expect(BigInt(await world.store().headPosition())).toBeLessThan(BigInt(later.head.position));
    const { done } = await replace(world, later.output);
    expect(done?.carriedOver).toEqual({ facts: 1, revocations: 0 });
    expect((await world.store().readStream(`user-${userId}`)).at(-1)?.id).toBe(disabled.id);
    const again = await replace(world, later.output);
    expect(again.done?.carriedOver).toEqual({ facts: 1, revocations: 0 });
    expect(await world.store().readStream(`user-${userId}`)).toHaveLength(2);
  });

  it('carries over a revocation that was made longer since', async () => {
    const world = await make();
    await furnish(world);
    const { output } = await take(world);
    const end = '2099-01-01 00:00:00+00';
    await world.query('kf_worker', `update registry.revocations set jwt_expires_at = '${end}'`);
    const { done } = await replace(world, output);
    expect(done?.carriedOver).toEqual({ facts: 0, revocations: 1 });
    const kept = `select 1 from registry.revocations where nkey = '*' and jwt_expires_at = '${end}'`;
    expect(await world.query('kf_worker', kept)).toHaveLength(1);
  });

  it('carries nothing over from another installation: what it revoked is not of this one', async () => {
    const [one, other] = [await make(), await make()];
    await furnish(one);
    const { output } = await take(one);
    await other.store().append(`detection-${other.installationId}`, 'no-stream', [event('Noted', {})]);
    const nkey = `U${'B'.repeat(55)}`;
    await other.query(
      'kf_worker',
      `insert into registry.revocations (nkey, jwt_expires_at) values ('${nkey}', now())`,
    );
    await other.disconnect();
    const { done } = await other.restore({ file: output, key: open(), replaceInstallation: true });
    expect(done?.carriedOver).toBeNull();
    const revoked = `select 1 from registry.revocations where nkey = '${nkey}'`;
    expect(await other.query('kf_worker', revoked)).toEqual([]);
  });
});

describe('two restores of one database at once', () => {
  it('repro-two-restores: the second is refused, and the first puts its own in place', async () => {
    const world = await make();
    await furnish(world);
    const { output } = await take(world);
    await world.disconnect();
    let second: Promise<unknown> | undefined;
    const migrateAll = async (ownerUrl: string, upTo?: BackupHead['migrations']) => {
      // What the first has made is there, and nobody is connected to it: the second could take it away.
      second ??= world.restore({ file: output, key: open() }).catch((error: unknown) => error);
      await second;
      await migrate({ ownerUrl, upTo, sets: await allMigrations() });
    };
    const first = await world.restore({ file: output, key: open(), migrate: migrateAll });
    expect(await second).toMatchObject({ code: 'restore.running' });
    expect(first.done?.checked).toMatchObject({ events: 7 });
    expect(await world.databases()).toEqual([world.place.database, first.done?.previous]);
  });

  it('keeps the database another restore has just replaced from being dropped', async () => {
    const world = await make();
    await furnish(world);
    const { output } = await take(world);
    await world.disconnect();
    const databases = new Databases(world.place.url('admin'), world.place.database);
    let dropping: unknown;
    const migrateAll = async (ownerUrl: string, upTo?: BackupHead['migrations']) => {
      dropping ??= await databases.dropPrevious().catch((error: unknown) => error);
      await migrate({ ownerUrl, upTo, sets: await allMigrations() });
    };
    await world.restore({ file: output, key: open(), migrate: migrateAll });
    expect(dropping).toMatchObject({ code: 'restore.running' });
    expect(await databases.dropPrevious()).toHaveLength(1);
  });
});
