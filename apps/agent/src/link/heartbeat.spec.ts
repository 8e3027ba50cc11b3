import {
  GENESIS_HASH,
  HEARTBEAT_MAX_MS,
  HEARTBEAT_MIN_MS,
  type Heartbeat,
  heartbeat,
} from '@keyfleet/contracts';
import { newId } from '@keyfleet/platform';
import { TestClock, waitFor } from '@keyfleet/testing';
import { Heart } from './heartbeat.js';
import type { IdentityStore } from './identity/store.js';
import type { Pace } from './pace.js';
import { type TestHost, testHost } from './testing/host.js';

let clock: TestClock;
let host: TestHost;
let beats: { at: number; beat: Heartbeat }[];
let connected: boolean;
let ending: AbortController;
let heart: Heart;

/** Time passes only while somebody sleeps, and a sleep is over at once. */
function instantPace(): Pace {
  return {
    real: (ms) => ms,
    sleep: async (ms, signal) => {
      await new Promise((resolve) => setImmediate(resolve));
      if (signal.aborted) return false;
      clock.advance(ms);
      return true;
    },
  };
}

function start(pace: Pace = instantPace()): Promise<void> {
  const current = { agentId: newId('agt') };
  heart = new Heart({
    ...{ host, pace, random: Math.random, store: { current } as unknown as IdentityStore },
    broker: {
      get connected() {
        return connected;
      },
      request: () => Promise.reject(new Error('none')),
      publish: (kind, payload) => {
        expect(kind).toBe('hb');
        beats.push({ at: clock.now(), beat: heartbeat.parse(JSON.parse(payload)) });
        return true;
      },
    },
  });
  return heart.run(ending.signal);
}

beforeEach(() => {
  clock = new TestClock();
  host = testHost({}, clock);
  host.journal.identify({ orgId: newId('org'), agentId: newId('agt'), epoch: 1, prev: GENESIS_HASH });
  beats = [];
  connected = true;
  ending = new AbortController();
});
afterEach(() => ending.abort());

describe('heartbeats', () => {
  it('F1: come every 24 to 30 s, not all after the same time', async () => {
    void start();
    await waitFor(() => beats.length > 50);
    ending.abort();
    const gaps = beats.slice(1).map(({ at }, index) => at - (beats[index]?.at ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(HEARTBEAT_MIN_MS);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(HEARTBEAT_MAX_MS);
    expect(new Set(gaps).size).toBeGreaterThan(40);
  });

  it('F6: carry the boot and a counter that grows by one', async () => {
    void start();
    await waitFor(() => beats.length > 5);
    expect(beats.slice(0, 5).map(({ beat }) => beat.counter)).toEqual([1, 2, 3, 4, 5]);
    expect(new Set(beats.map(({ beat }) => beat.bootId))).toEqual(new Set([host.config.bootId]));
  });

  it('tell how the agent is, and of its requests only what came since the last beat', async () => {
    const asleep: Pace = { real: (ms) => ms, sleep: () => new Promise(() => {}) };
    const briefly: Pace = {
      ...asleep,
      sleep: async (ms) => (ms > 1_000 ? new Promise<boolean>(() => {}) : true),
    };
    void start(briefly);
    await waitFor(() => beats.length === 1);
    const latency = [5, 0, 0, 0, 0, 0, 0, 0, 0, 2];
    host.vault = { storage: 'degraded', seal: 'sealed', secrets: 7, latency };
    heart.beatNow();
    await waitFor(() => beats.length === 2);
    expect(beats[1]?.beat).toMatchObject({
      ...{ storage: 'degraded', seal: 'sealed', secrets: 7, latency, policy: null },
      journal: { epoch: 1, seq: 0, acknowledged: 0 },
      agentVersion: '1.2.3',
    });
    heart.beatNow();
    await waitFor(() => beats.length === 3);
    expect(beats[2]?.beat.latency).toEqual(latency.map(() => 0));
  });

  it('are not counted while there is no connection, and lose no request', async () => {
    connected = false;
    host.vault = { ...host.vault, latency: host.vault.latency.map(() => 1) };
    void start();
    const before = clock.now();
    await waitFor(() => clock.now() > before + 100_000);
    expect(beats).toEqual([]);
    connected = true;
    heart.beatNow();
    await waitFor(() => beats.length > 0);
    expect(beats[0]?.beat).toMatchObject({ counter: 1, latency: host.vault.latency });
  });
});
