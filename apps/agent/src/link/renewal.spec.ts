import { systemClock } from '@keyfleet/platform';
import { waitFor } from '@keyfleet/testing';
import type { Link } from './host.js';
import { startLink } from './index.js';
import { pace } from './pace.js';
import { TestControlPlane } from './testing/control-plane.js';
import { testHost } from './testing/host.js';

const HOUR_MS = 3_600_000;

let plane: TestControlPlane;
let link: Link;

beforeEach(async () => {
  // Credentials are good for an hour, as the plane's clock goes.
  plane = await TestControlPlane.start({ lifeMs: HOUR_MS });
});
afterEach(async () => {
  await link.close();
  await plane.close();
});

/** An agent whose clock shows this, and whose waiting goes so many times as fast. */
async function online(now: () => number, factor: number): Promise<void> {
  const config = { controlPlaneUrl: plane.gateway.url, enrolmentTokenFile: plane.tokenFile() };
  link = await startLink(testHost(config, { ...systemClock, now }), { pace: pace(factor) });
  await waitFor(() => link.status().state === 'connected', { what: 'the connection' });
}

/** Beats come as often as it is looked whether renewal is due. */
async function aWhile(): Promise<void> {
  const beats = plane.beats.length;
  await waitFor(() => plane.beats.length >= beats + 10, { what: 'ten beats' });
}

describe('F5: an agent whose clock is further ahead than its credentials live', () => {
  let skew: number;
  const ahead = () => Date.now() + skew;

  beforeEach(() => {
    skew = 25 * HOUR_MS;
  });

  it('renews at half of their life, as it does with any other clock', async () => {
    await online(ahead, 200);
    await aWhile();
    expect(plane.renewals).toEqual({ nats: 0, https: 0 });
    for (const renewed of [1, 2]) {
      skew += (2 / 3) * HOUR_MS;
      await waitFor(() => plane.renewals.nats === renewed, { what: 'the renewal' });
      await aWhile();
      expect(plane.renewals).toEqual({ nats: renewed, https: 0 });
    }
  });

  it('comes back to a broker that was away with the credentials it has', async () => {
    await online(ahead, 1);
    await plane.broker.server.kill();
    await waitFor(() => link.status().state === 'offline');
    await plane.broker.restart();
    await plane.broker.push();
    const beats = plane.beats.length;
    await waitFor(() => plane.beats.length > beats, { what: 'a beat after the return' });
    expect(plane.renewals).toEqual({ nats: 0, https: 0 });
  });

  it('and is put right renews when half of their life has passed since they were issued', async () => {
    await online(ahead, 200);
    skew = 0;
    await aWhile();
    expect(plane.renewals).toEqual({ nats: 0, https: 0 });
    skew = (2 / 3) * HOUR_MS;
    await waitFor(() => plane.renewals.nats === 1, { what: 'the renewal' });
    await aWhile();
    expect(plane.renewals).toEqual({ nats: 1, https: 0 });
  });
});

it('F5: an agent whose clock leaps ahead whenever it looks rests between two renewals', async () => {
  const began = performance.now();
  let leaps = 0;
  await online(() => {
    leaps += HOUR_MS;
    return Date.now() + leaps;
  }, 30);
  await waitFor(() => plane.renewals.nats + plane.renewals.https >= 4, { what: 'four renewals' });
  // Half a minute each, and thirty times as fast.
  expect(performance.now() - began).toBeGreaterThan(3_000);
});
