import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createTestDatabase, temporaryDirectory } from '@keyfleet/testing';
import { seeded } from '../random.js';
import { isClean } from './judge.js';
import { judgeNaive } from './naive.js';
import { proveOrder } from './proof.js';

/** The proof itself is `npm run proof:order`; this keeps it working, small. */
describe('the proof of order', () => {
  it('F8: sees a reader by sequence miss events and leave holes', async () => {
    const database = await createTestDatabase();
    const verdict = await judgeNaive({ url: database.superuserUrl, appends: 600, random: seeded(3) });
    await database.drop();
    expect(isClean(verdict)).toBe(false);
    expect(verdict.missed).toBeGreaterThan(0);
    expect(verdict.holes).toBeGreaterThan(0);
  }, 120_000);

  it('F8: holds with rollbacks, killed writers, beside open transactions and in a copy by dump and restore', async () => {
    const directory = join(temporaryDirectory('order'), 'clusters');
    mkdirSync(directory);
    const said: string[] = [];
    const result = await proveOrder({
      ...{ directory, appends: 4_000, kills: 2, holdMs: 3_000, windowMs: 500, random: seeded(5) },
      say: (line) => said.push(line),
    });
    expect(result).toMatchObject({
      ...{ held: true, missed: 0, holes: 0, unordered: 0, backwards: 0, lost: 0, doubled: 0, unwanted: 0 },
      ...{ different: 0, kills: 2 },
    });
    expect(result.appends).toBeGreaterThanOrEqual(4_000);
  }, 180_000);
});
