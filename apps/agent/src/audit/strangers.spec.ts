import { GENESIS_HASH } from '@keyfleet/contracts';
import { verifyChain } from '@keyfleet/crypto';
import { agentConfig } from '../config.js';
import { caller, stranger, VaultFixture } from '../vault/fixture.contract.js';
import { StrangerLines } from './strangers.js';

let fixture: VaultFixture;
beforeEach(async () => {
  fixture = await VaultFixture.open();
  await fixture.put('team/db', 'x');
});
afterEach(() => fixture.destroy());

const insider = caller({ principal: 'app:insider', grants: [] });

/** So many requests without a credential, all at once. */
async function strangers(count: number, of: (n: number) => object): Promise<void> {
  const tries = Array.from({ length: count }, (_, n) =>
    fixture.vault.value({ ...stranger, ...of(n) }, `guess/${n}`).catch(() => undefined),
  );
  await Promise.all(tries);
}

interface Row {
  readonly principal: string;
  readonly secret: string | null;
  readonly network: string | null;
  readonly client: string | null;
  readonly count: number;
}

/** The rows of usage of every minute that is over. */
async function usage(): Promise<Row[]> {
  fixture.clock.advance(62_000);
  await fixture.agent.reportUsage();
  return fixture
    .told()
    .filter(([type]) => type === 'UsageReported')
    .flatMap(([, data]) => data['rows'] as Row[]);
}

function denied(): Record<string, unknown>[] {
  return fixture
    .told()
    .filter(([type]) => type === 'AccessDenied')
    .map(([, data]) => data);
}

const ofStrangers = (rows: Row[]) => rows.filter(({ principal }) => principal === 'anonymous');

describe('repro: whoever has no credential', () => {
  it('hides nobody by calling himself by thousands of names', async () => {
    await strangers(5_100, (n) => ({ client: `name/${n}` }));
    await fixture.vault.value(insider, 'team/db').catch(() => undefined);
    await fixture.read('team/db');
    expect(denied().at(-1)).toMatchObject({ principal: 'app:insider', secret: 'team/db' });
    expect(denied()).toHaveLength(6);
    const rows = await usage();
    const full = { secret: 'team/db', network: '10.1.2.0/24', client: 'curl/8.1', count: 1 };
    const others = rows.filter(({ principal }) => principal !== 'anonymous');
    expect(others).toHaveLength(3);
    expect(others).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ ...full, action: 'create' }),
        expect.objectContaining({ ...full, action: 'read', outcome: 'denied' }),
        expect.objectContaining({ ...full, action: 'read', outcome: 'allowed' }),
      ]),
    );
    expect(ofStrangers(rows)).toEqual([
      expect.objectContaining({ secret: null, network: '10.1.2.0/24', client: null, count: 5_100 }),
    ]);
  });

  it('hides nobody by coming from many networks either, and is counted from all of them', async () => {
    await strangers(1_000, (n) => ({ address: `10.${n >> 8}.${n & 255}.7` }));
    await fixture.vault.value(insider, 'team/db').catch(() => undefined);
    expect(denied()).toHaveLength(31);
    expect(denied().at(-1)).toMatchObject({ principal: 'app:insider' });
    const rows = ofStrangers(await usage());
    expect(rows).toHaveLength(201);
    expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(1_000);
  });
});

describe('the lines of strangers', () => {
  const ofAnonymous = async () =>
    (await fixture.audit()).filter(({ principal }) => principal === 'anonymous');

  it('repro: are so many at most that the trail keeps those of everybody else', async () => {
    await strangers(3_000, () => ({}));
    await fixture.agent.parts.storage.retain({ before: '2000-01-01T00:00:00.000Z', lines: 1_000 });
    const kept = await fixture.audit();
    expect(kept[0]).toMatchObject({ seq: 1, action: 'create', principal: 'app:billing' });
    expect(await ofAnonymous()).toHaveLength(300);

    const counted = ofStrangers(await usage()).reduce((sum, { count }) => sum + count, 0);
    expect(counted).toBe(3_000);
    const lines = await fixture.audit();
    expect(lines.at(-1)).toMatchObject({
      ...{ action: 'audit', principal: 'anonymous', outcome: 'denied', leftOut: 2_700 },
      at: '2026-01-01T00:01:02.000Z',
    });
    expect(verifyChain(lines, { seq: 0, hash: GENESIS_HASH })).toMatchObject({ intact: true });
    await fixture.restart();
    expect(await fixture.audit()).toEqual(lines);
  });

  it('have room again as time passes', async () => {
    await strangers(400, () => ({}));
    fixture.clock.advance(10 * 60_000);
    await strangers(400, () => ({}));
    expect(await ofAnonymous()).toHaveLength(320);
    // The wall clock makes no room.
    fixture.clock.jumpTo('2027-01-01T00:00:00.000Z');
    await strangers(1, () => ({}));
    expect(await ofAnonymous()).toHaveLength(320);
  });

  it('that were left out are told of once a minute, and at the end', async () => {
    const told = async () => (await ofAnonymous()).flatMap(({ leftOut }) => leftOut ?? []);
    await strangers(310, () => ({}));
    await fixture.agent.reportUsage();
    await strangers(5, () => ({}));
    await fixture.agent.reportUsage();
    expect(await told()).toEqual([10]);
    fixture.clock.advance(60_000);
    await strangers(9, () => ({}));
    await fixture.agent.reportUsage();
    expect(await told()).toEqual([10, 12]);
    await strangers(3, () => ({}));
    await fixture.restart();
    expect(await told()).toEqual([10, 12, 3]);
  });

  it('are fewer in a year of nothing but strangers than are kept by default', () => {
    const { lines } = agentConfig.shape.agent.shape.audit.parse({});
    const budget = new StrangerLines();
    let written = 0;
    for (let minute = 0; minute < 366 * 24 * 60; minute += 1) {
      for (let n = 0; n < 4; n += 1) if (budget.admits(minute * 60_000 + n * 15_000)) written += 1;
      if (budget.takeLeftOut(String(minute), false) > 0) written += 1;
    }
    expect(written).toBeLessThan(0.8 * lines);
  });
});
