import fc from 'fast-check';
import { Disk, type Image } from '../ingest/testing/disk.js';
import { ModelAgent } from '../ingest/testing/model-agent.js';
import { type Plane, startPlane } from '../ingest/testing/plane.js';

let plane: Plane;
let disk: Disk;

async function begin(): Promise<void> {
  plane = startPlane({ movesPerHour: 1_000 });
  disk = new Disk(plane, await new ModelAgent().enrol(plane.store));
}

beforeEach(begin);
afterEach(() => expect(plane.errors).toEqual([]));

async function stored(): Promise<string[]> {
  const { events } = await plane.store.readAll({ filter: { categories: ['journal'] }, limit: 10_000 });
  return events.map(({ id }) => id);
}

/** Whatever these disks recorded, each entry once. */
async function expectAllOnce(...disks: Pick<Image, 'told'>[]): Promise<void> {
  const told = new Set(disks.flatMap((one) => one.told));
  expect((await stored()).sort()).toEqual([...told].sort());
}

/**
 * The store has entries 1 to 6. A disk put back to 4 recorded another 5, forked there and heard nothing of it, so that
 * nothing is in epoch 2. `at[n]` is the disk with n entries, of which the store had confirmed none.
 */
async function forkedUnheard() {
  const at = [disk.image()];
  for (let count = 1; count <= 6; count += 1) {
    disk.record(1);
    at.push(disk.image());
  }
  expect(await disk.talk()).toBe(true);
  const real = disk.image();
  disk.putBack(at[4] as Image);
  disk.record(1);
  const forked = disk.image();
  expect(await disk.talk({ heard: 1 })).toBe(false);
  return { at: (count: number) => at[count] as Image, real, forked };
}

const epochs = async () =>
  (await plane.store.readStream(`agent-${disk.agent.agentId}`)).map(({ type }) => type).slice(1);

describe('after a fork that was not heard of', () => {
  it('the disk it was found on goes on there, and no other epoch begins', async () => {
    const { real } = await forkedUnheard();
    expect(await disk.talk()).toBe(true);
    await expectAllOnce(real, disk);
    expect(await epochs()).toEqual(['AgentJournalForked']);
  });

  it.each([
    { kept: 2, records: 1 },
    { kept: 2, records: 4 },
    { kept: 2, records: 7 },
    { kept: 0, records: 2 },
    { kept: 5, records: 1 },
  ])('repro-further-back: a disk put back to $kept that recorded $records loses none of them', async (of) => {
    const { at, real } = await forkedUnheard();
    disk.putBack(at(of.kept));
    disk.record(of.records);
    for (const batch of [100, 2]) expect(await disk.talk({ batch })).toBe(true);
    await expectAllOnce(real, disk);
    disk.record(2);
    expect(await disk.talk()).toBe(true);
    await expectAllOnce(real, disk);
  });

  it.each([0, 2, 4, 6])(
    'repro-twin-of-a-fork: what a twin has that dropped %i is stored once, and what it adds as well',
    async (dropped) => {
      const { real, forked } = await forkedUnheard();
      disk.putBack(real);
      disk.record(1);
      disk.prune(dropped);
      expect(await disk.talk()).toBe(true);
      await expectAllOnce(real, disk);
      const twin = disk.image();
      disk.putBack(forked);
      expect(await disk.talk()).toBe(true);
      await expectAllOnce(twin, disk);
    },
  );

  it('a disk put back further that keeps nothing yet is told of what is stored, and then sends what it records', async () => {
    const { at, real } = await forkedUnheard();
    disk.putBack(at(0));
    expect(await disk.talk()).toBe(true);
    disk.record(3);
    expect(await disk.talk()).toBe(true);
    await expectAllOnce(real, disk);
  });
});

it('F6: whatever images a disk is put back to and whichever answers are lost, each entry is stored once', async () => {
  const count = fc.integer({ min: 1, max: 3 });
  // Where an answer is lost, it is often the one that tells of the fork.
  const heard = fc.constantFrom(0, 1, 1, 1, 2, 4);
  const step = fc.oneof(
    fc.record({ kind: fc.constant('record' as const), count }),
    fc.record({ kind: fc.constant('talk' as const), batch: count, heard }),
    fc.record({ kind: fc.constant('finish' as const) }),
    fc.record({ kind: fc.constant('put back' as const), image: fc.nat(9), count, heard }),
    fc.record({ kind: fc.constant('prune' as const), count }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 25 }), async (steps) => {
      await begin();
      const images = [disk.image()];
      const settled: Image[] = [];
      const settle = async () => {
        expect(await disk.talk()).toBe(true);
        settled.push(disk.image());
      };
      for (const one of steps) {
        if (one.kind === 'put back') disk.putBack(images[one.image % images.length] as Image);
        if (one.kind === 'record' || one.kind === 'put back') {
          disk.record(one.count);
          images.push(disk.image());
          if (one.kind === 'put back') await disk.talk({ heard: one.heard });
        } else if (one.kind === 'talk') await disk.talk(one);
        else if (one.kind === 'finish') await settle();
        else disk.prune(one.count);
      }
      await settle();
      const found = await stored();
      expect(new Set(found).size).toBe(found.length);
      expect(found).toEqual(expect.arrayContaining([...new Set(settled.flatMap(({ told }) => told))]));
      expect(plane.errors).toEqual([]);
    }),
    { numRuns: 100 },
  );
});
