import { freePort } from '@keyfleet/embedded';
import { waitFor } from '@keyfleet/testing';
import { Collector } from '../contract/collect.contract.js';
import { event, idsOf } from '../contract/fixture.contract.js';
import { asOwner, sharedFixture } from './fixture.contract.js';
import type { Step } from './steps.js';

describe('hints that something was appended', () => {
  const openFixture = sharedFixture();

  it('F18: are not needed: without LISTEN an event of another process comes within 1.5 s', async () => {
    const fixture = await openFixture();
    const deaf = fixture.open({ listenUrl: `postgres://nobody@127.0.0.1:${await freePort()}/none` });
    const collector = new Collector(deaf);
    await fixture.store.append('agent-1', 'no-stream', [event()]);
    await collector.untilEvents(1);
    for (let n = 0; n < 3; n++) {
      const appended = performance.now();
      await fixture.store.append('agent-1', BigInt(n), [event()]);
      await collector.untilEvents(n + 2);
      expect(performance.now() - appended).toBeLessThan(1_500);
    }
    await collector.stop();
    await fixture.close();
  });

  it('F18: come again after their connection was lost, and what was missed meanwhile comes with them', async () => {
    const fixture = await openFixture();
    const steps: Step[] = [];
    const count = (name: Step['step']): number => steps.filter(({ step }) => step === name).length;
    // Without a poll in the test's time, only a hint can bring an event.
    const store = fixture.open({ pollMs: 600_000, onStep: (step) => steps.push(step) });
    const collector = new Collector(store);
    await waitFor(() => count('listening') === 1);
    const first = event();
    await fixture.store.append('agent-1', 'no-stream', [first]);
    await collector.untilEvents(1);
    await asOwner(
      { ...fixture.database, url: fixture.database.superuserUrl },
      (sql) =>
        sql`select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and application_name like '% listen'`,
    );
    const second = event();
    await fixture.store.append('agent-1', 0n, [second]);
    await waitFor(() => count('listening') === 2);
    await collector.untilEvents(2);
    const third = event();
    await fixture.store.append('agent-1', 1n, [third]);
    await collector.untilEvents(3);
    expect(idsOf(collector.events)).toEqual(idsOf([first, second, third]));
    await collector.stop();
    await fixture.close();
  });

  it('within a process need no server: its own commit is known at once', async () => {
    const fixture = await openFixture();
    const store = fixture.open({
      pollMs: 600_000,
      listenUrl: `postgres://nobody@127.0.0.1:${await freePort()}/none`,
    });
    const collector = new Collector(store);
    await store.append('agent-1', 'no-stream', [event()]);
    await collector.untilEvents(1);
    await store.append('agent-1', 0n, [event()]);
    await collector.untilEvents(2);
    await collector.stop();
    await fixture.close();
  });
});
