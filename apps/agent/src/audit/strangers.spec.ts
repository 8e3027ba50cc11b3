import { caller, stranger, VaultFixture } from '../vault/fixture.contract.js';

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
