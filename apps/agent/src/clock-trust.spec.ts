import { waitFor } from '@keyfleet/testing';
import { Maintenance } from './maintenance.js';
import { VaultFixture } from './vault/fixture.contract.js';

const DAY = 24 * 3_600_000;
const RETAIN_MS = 600_000;
let fixture: VaultFixture;
let maintenance: Maintenance;

beforeEach(async () => {
  // Maintenance waits in real time; everything else goes on as it does.
  jest.useFakeTimers({
    ...{ now: Date.now(), advanceTimers: false },
    doNotFake: ['Date', 'hrtime', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate', 'setTimeout'],
  });
  fixture = await VaultFixture.open();
});
afterEach(async () => {
  await maintenance.close();
  jest.useRealTimers();
  await fixture.destroy();
});

function start(days: number): void {
  maintenance = new Maintenance({
    ...{ agent: fixture.agent, clock: fixture.clock, audit: { days, lines: 1_000_000 } },
    logger: { info: () => {}, warn: () => {}, error: () => {} },
    agentFile: { write: () => {} },
  });
  maintenance.start();
}

/** Ten minutes as maintenance sees them, and its end. */
async function runJobs(): Promise<void> {
  jest.advanceTimersByTime(RETAIN_MS);
  await maintenance.close();
}

/** Is asked for something every so many days. */
async function live(days: number, every = 1): Promise<void> {
  for (let day = 0; day < days; day += every) {
    await fixture.put('team/db', `value of ${fixture.clock.now()}`);
    fixture.clock.advance(every * DAY);
    await fixture.agent.reportUsage();
  }
}

const lines = async () => (await fixture.audit()).length;
const oldest = async () => Date.parse((await fixture.audit())[0]?.at ?? '');

describe('repro-clock: audit lines and a clock that is wrong once', () => {
  it('are all there when it is put right', async () => {
    await live(30);
    start(20);
    const [before, now] = [await lines(), fixture.clock.now()];
    fixture.clock.jumpTo(now + 400 * DAY);
    await fixture.put('team/db', 'while the clock was wrong');
    await runJobs();
    fixture.clock.jumpTo(now);
    expect(await lines()).toBe(before + 1);
  });

  it('by a few days only are all there too', async () => {
    await live(30);
    start(25);
    const before = await lines();
    fixture.clock.jumpTo(fixture.clock.now() + 4 * DAY);
    await runJobs();
    expect(await lines()).toBe(before);
  });

  it('outlive an agent that is started, and started again, under it', async () => {
    await live(30);
    const [before, now] = [await lines(), fixture.clock.now()];
    fixture.clock.jumpTo(now + 100 * DAY);
    for (let round = 1; round <= 3; round += 1) {
      await fixture.restart();
      await live(1);
      start(90);
      await runJobs();
      expect(await lines()).toBe(before + round);
    }
  });
});

describe('audit lines beyond their age', () => {
  it('are dropped where days with requests vouch for the clock', async () => {
    await live(30);
    start(10);
    await runJobs();
    expect(await lines()).toBe(10);
    expect(await oldest()).toBeGreaterThanOrEqual(fixture.clock.now() - 10 * DAY);
  });

  it('are dropped where they may be kept for a day only', async () => {
    await live(5, 0.5);
    start(1);
    await runJobs();
    expect(await oldest()).toBeGreaterThanOrEqual(fixture.clock.now() - DAY);
  });

  it('are dropped after a quiet week during which the clock ran as it should', async () => {
    await live(1);
    fixture.clock.advance(60 * DAY);
    await live(1);
    start(30);
    fixture.clock.advance(7 * DAY);
    await runJobs();
    expect(await lines()).toBe(1);
  });

  it('are dropped again once the clock was put right for a day', async () => {
    await live(30);
    start(20);
    fixture.clock.jumpTo(fixture.clock.now() + 5 * DAY);
    jest.advanceTimersByTime(RETAIN_MS);
    const before = await lines();
    await live(1);
    await new Promise((resolve) => setImmediate(resolve));
    jest.advanceTimersByTime(RETAIN_MS);
    await waitFor(async () => (await lines()) < before, { what: 'the lines to go' });
  });
});
