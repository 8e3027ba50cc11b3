import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { furnish } from './testing/furnish.js';
import { event, newKey, World } from './testing/world.js';

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

/** From the change of names on, files lie where this says. */
function inTheEnd(world: World, elsewhere: (name: string) => string | undefined) {
  let changing = false;
  const path = (name: string) => (changing && elsewhere(name)) || world.place.path(name);
  const onStep = (step: string): void => {
    changing = step === 'Putting it in place';
  };
  return { place: { ...world.place, path }, onStep };
}

describe('a restore whose files cannot be written', () => {
  it.each(['secrets/cursor-secret', 'authority/root/operator.nk', 'authority/installation.json'])(
    'repro-half-replaced: leaves everything as it was where %s cannot be written',
    async (refused) => {
      const [one, other] = [await make(), await make()];
      await furnish(one);
      const { output } = await take(one);
      other.write('authority/nats/resolver.conf', 'its own');
      await other.store().append('note-1', 'no-stream', [event('Noted', {})]);
      await other.disconnect();
      const file = join(dirname(output), 'a-file');
      writeFileSync(file, '');
      const path = (name: string) => (name === refused ? join(file, 'below-it') : other.place.path(name));
      const before = tree(other.directory);
      const replacing = { file: output, key: open(), replaceInstallation: true };
      const failed = await other
        .restore({ ...replacing, place: { ...other.place, path } })
        .catch((error: unknown) => error);
      expect(tree(other.directory)).toEqual(before);
      expect(await other.databases()).toEqual([other.place.database]);
      expect(failed).toMatchObject({
        code: 'restore.not-written',
        message: expect.stringMatching(/ENOTDIR|EEXIST/),
      });
      expect(await other.store().streamRevision('note-1')).toBe(0n);
      await other.disconnect();
      await expect(other.restore(replacing)).resolves.toMatchObject({ files: { replaced: true } });
      for (const name of ['authority/ca.key', 'secrets/cursor-secret'])
        expect(readFileSync(other.place.path(name))).toEqual(readFileSync(one.place.path(name)));
    },
  );

  it('cuts off whoever came to the new database meanwhile, so that the old one can come back', async () => {
    const [one, other] = [await make(), await make()];
    await furnish(one);
    const { output } = await take(one);
    const came: Worker[] = [];
    const hindered = inTheEnd(other, (name) => {
      if (name === 'secrets/cursor-secret') came.push(connected(other.url('kf_store')));
      return name === 'authority/installation.json' ? '/dev/null/key' : undefined;
    });
    const replacing = other.restore({ file: output, key: open(), replaceInstallation: true, ...hindered });
    await expect(replacing).rejects.toMatchObject({ code: 'restore.not-written' });
    expect(came).toHaveLength(1);
    await came[0]?.terminate();
    expect(await other.databases()).toEqual([other.place.database]);
  });

  it('F30: leaves no folder and no file behind on a machine that had none, where one cannot be written', async () => {
    const before = await make();
    await furnish(before);
    const { output } = await take(before);
    const after = await make({ keys: false });
    mkdirSync(after.place.path('plain'), { recursive: true });
    writeFileSync(after.place.path('plain/file'), '');
    const path = (name: string) =>
      after.place.path(name === 'authority/root/operator.nk' ? 'plain/file/key' : name);
    const failing = after.restore({ file: output, key: open(), place: { ...after.place, path } });
    await expect(failing).rejects.toMatchObject({ code: 'restore.not-written' });
    expect(Object.keys(tree(after.directory))).toEqual(['plain', 'plain/file']);
    expect(await after.databases()).toEqual([after.place.database]);
  });

  it('F30: never writes over what came there while the rows were loaded', async () => {
    const world = await make();
    await furnish(world);
    const { output } = await take(world);
    await world.disconnect();
    rmSync(world.place.path('secrets/cursor-secret'));
    const restoring = world.restore({
      file: output,
      key: open(),
      onStep: (step) => {
        if (step === 'Putting it in place') world.write('secrets/cursor-secret', 'made meanwhile');
      },
    });
    await expect(restoring).rejects.toMatchObject({ code: 'restore.not-written' });
    expect(readFileSync(world.place.path('secrets/cursor-secret'), 'utf8')).toBe('made meanwhile\n');
    expect(await world.databases()).toEqual([world.place.database]);
  });

  it('F30: writes what is outside of the authority first, so that a killed one can be done again', async () => {
    const [one, other] = [await make(), await make()];
    await furnish(one);
    const { output } = await take(one);
    const written: string[] = [];
    const path = (name: string) => {
      written.push(name);
      return other.place.path(name);
    };
    const place = { ...other.place, path };
    await other.restore({ file: output, key: open(), replaceInstallation: true, place });
    const names = ['secrets/cursor-secret', 'authority/ca.key', 'authority/root/operator.nk'];
    expect(written.slice(-4)).toEqual([...names, 'authority/installation.json']);
  });
});

/** Somebody who is there before this returns: what happens between two renames waits for nobody. */
function connected(url: string): Worker {
  const there = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(
    `const { workerData: { url, there } } = require('node:worker_threads');
     require('postgres')(url, { max: 1 })\`select 1\`.then(() => {
       Atomics.store(there, 0, 1);
       Atomics.notify(there, 0);
     });`,
    { eval: true, workerData: { url, there } },
  );
  worker.on('error', () => {});
  expect(Atomics.wait(there, 0, 0, 30_000)).not.toBe('timed-out');
  return worker;
}

/** Every file and folder below, with what is in it. */
function tree(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  const content = (name: string) => {
    const path = join(directory, name);
    return statSync(path).isDirectory() ? 'a folder' : readFileSync(path, 'utf8');
  };
  return Object.fromEntries(names.map((name) => [name, content(name)]));
}
