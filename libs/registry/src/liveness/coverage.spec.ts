import fc from 'fast-check';
import { type Coverage, coveredAt, NEVER_WATCHED, reconnectWindowMs, type Watch, watch } from './coverage.js';

const STEP = 5_000;

/** A watch at which all is well, a second after the canaries came. */
function well(now: number, changes: Partial<Watch> = {}): Watch {
  return {
    now,
    proofs: [
      { of: 'canary', at: now - 1_000 },
      { of: 'flush', at: now - 200 },
    ],
    clockStepped: false,
    outage: false,
    firstOfProcess: false,
    agents: 10,
    resumeTold: true,
    ...changes,
  };
}

/** Watching since `start`, everything fine for `seconds`. */
function watching(start: number, seconds = 0): Coverage {
  let coverage = watch(NEVER_WATCHED, well(start - 10_000, { firstOfProcess: true }));
  for (let now = start - STEP; now <= start + seconds * 1_000; now += STEP)
    coverage = watch(coverage, well(now));
  return coverage;
}

describe('covered time', () => {
  it('begins after the reconnect window of a first start, which is no pause to tell of', () => {
    const coverage = watching(100_000);
    expect(coverage).toMatchObject({ watching: true, episode: 0, coveredMs: 4_000 });
  });

  it('F2: is counted up to the last proof only, so nothing of an outage is in it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 24 }), fc.integer({ min: 1, max: 200 }), (before, down) => {
        let coverage = watching(100_000, before * 5);
        const lastCanary = coverage.provenUpTo as number;
        const counted = coverage.coveredMs;
        let now = coverage.lastWatchAt as number;
        for (let step = 0; step < down; step += 1) {
          now += STEP;
          coverage = watch(
            coverage,
            well(now, {
              proofs: [
                { of: 'canary', at: lastCanary },
                { of: 'flush', at: now },
              ],
            }),
          );
        }
        expect(coverage.coveredMs).toBe(counted);
        if (now - lastCanary > 10_000)
          expect(coverage).toMatchObject({
            watching: false,
            reason: 'canary-late',
            pausedSince: lastCanary,
            episode: 1,
          });
        const resumed = watch(watch(coverage, well(now + STEP)), well(now + 2 * STEP));
        if (!coverage.watching)
          expect(resumed).toMatchObject({ watching: true, coveredMs: counted, resumedAt: now + 2 * STEP });
      }),
    );
  });

  it('F2: leaves out the window in which the agents of an outage reconnect', () => {
    const agents = 10_000;
    let coverage = watching(100_000, 60);
    let now = 160_000;
    coverage = watch(coverage, well((now += 20_000), { agents }));
    expect(coverage).toMatchObject({ watching: false, reason: 'sweep-gap', pausedSince: 159_000 });
    const resumed: number[] = [];
    while (!coverage.watching) {
      now += STEP;
      coverage = watch(coverage, well(now, { agents }));
      resumed.push(now);
    }
    expect(now - 180_000).toBe(reconnectWindowMs(agents) + STEP);
    expect(coverage.coveredMs).toBe(64_000 - 1_000 + 1_000);
  });

  it('F2: a relapse within the window begins it anew and stays the same pause', () => {
    let coverage = watch(watching(100_000), well(130_000));
    coverage = watch(coverage, well(135_000, { agents: 2_000 }));
    coverage = watch(coverage, well(140_000, { agents: 2_000, proofs: [{ of: 'store', at: 0 }] }));
    expect(coverage).toMatchObject({ goodSince: null, episode: 1, reason: 'sweep-gap' });
  });

  it('F5: any step of the clock, forward or back, adds nothing and pauses', () => {
    const hour = 3_600_000;
    for (const step of [hour, -hour]) {
      const before = watching(10 * hour, 30);
      const after = watch(before, well(10 * hour + 35_000 + step, { clockStepped: true }));
      expect(after).toMatchObject({ watching: false, reason: 'clock-step', coveredMs: before.coveredMs });
      const resumed = watch(watch(after, well(10 * hour + 40_000 + step)), well(10 * hour + 45_000 + step));
      expect(resumed).toMatchObject({ watching: true, coveredMs: before.coveredMs });
    }
  });

  it('F5: a replica whose clock is an hour ahead of ours is a step of the clock too', () => {
    const coverage = watch(watching(100_000), well(100_000 - 3_600_000));
    expect(coverage).toMatchObject({ watching: false, reason: 'clock-step' });
    const ahead = well(105_000, { proofs: [{ of: 'flush', at: 105_000 + 3_600_000 }] });
    expect(watch(watching(100_000), ahead)).toMatchObject({ watching: false, reason: 'clock-step' });
  });

  it('F2: a pause after a resumption nobody was told of is the same pause', () => {
    const paused = watch(watching(100_000), well(130_000));
    const resumed = watch(watch(paused, well(135_000)), well(140_000));
    const again = watch(resumed, well(160_000, { resumeTold: false }));
    expect(resumed).toMatchObject({ watching: true, episode: 1 });
    expect(again).toMatchObject({ watching: false, episode: 1, pausedSince: paused.pausedSince });
    expect(watch(resumed, well(160_000))).toMatchObject({
      watching: false,
      episode: 2,
      pausedSince: 140_000,
    });
  });

  it('names what was wrong', () => {
    const late = (of: 'canary' | 'flush') => [
      { of: 'canary' as const, at: of === 'canary' ? 90_000 : 104_000 },
      { of: 'flush' as const, at: of === 'flush' ? 90_000 : 104_000 },
    ];
    const reason = (changes: Partial<Watch>, now = 105_000) => {
      const coverage = watch(watching(100_000), well(now, changes));
      return coverage.watching ? null : coverage.reason;
    };
    expect(reason({ proofs: late('canary') })).toBe('canary-late');
    expect(reason({ proofs: late('flush') })).toBe('replica-stalled');
    expect(reason({ proofs: [{ of: 'flush', at: 105_000 }] })).toBe('canary-late');
    expect(reason({ proofs: [...late('canary'), { of: 'store', at: 94_000 }] })).toBe('store-away');
    expect(reason({ outage: true })).toBeNull();
    expect(reason({ outage: true }, 200_000)).toBe('store-away');
    expect(reason({ firstOfProcess: true }, 200_000)).toBe('starting');
    expect(reason({}, 200_000)).toBe('sweep-gap');
  });

  it('never falls, and never grows faster than the clock', () => {
    const steps = fc.array(
      fc.record({
        ms: fc.integer({ min: -20_000, max: 40_000 }),
        canaryAge: fc.integer({ min: 0, max: 30_000 }),
        resumeTold: fc.boolean(),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        let coverage = watching(1_000_000, 30);
        let now = 1_030_000;
        let highest = coverage.provenUpTo as number;
        const start = { coveredMs: coverage.coveredMs, at: highest };
        for (const { ms, canaryAge, resumeTold } of all) {
          now += ms;
          const proofs = [{ of: 'canary' as const, at: now - canaryAge }];
          const next = watch(coverage, well(now, { proofs, resumeTold }));
          expect(next.coveredMs).toBeGreaterThanOrEqual(coverage.coveredMs);
          highest = Math.max(highest, next.provenUpTo as number);
          coverage = next;
        }
        const backwards = all.reduce((sum, { ms }) => sum + Math.max(-ms, 0), 0);
        expect(coverage.coveredMs - start.coveredMs).toBeLessThanOrEqual(highest - start.at + backwards);
      }),
    );
  });
});

describe('the mark a beat leaves', () => {
  it('is what will be covered when its moment is proven, so silence is never overstated', () => {
    const cases = fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 4_999 }));
    fc.assert(
      fc.property(cases, ([steps, offset]) => {
        const before = watching(100_000, 30);
        const beatAt = (before.lastWatchAt as number) + offset;
        const mark = coveredAt(before, beatAt);
        let coverage = before;
        for (let step = 1; step <= steps; step += 1)
          coverage = watch(coverage, well((before.lastWatchAt as number) + step * STEP));
        expect(coverage.coveredMs - mark).toBeLessThanOrEqual((coverage.provenUpTo as number) - beatAt);
      }),
    );
  });

  it('of a beat written late, after an outage, is the present count', () => {
    const coverage = watching(100_000, 30);
    expect(coveredAt(coverage, 50_000)).toBe(coverage.coveredMs);
    expect(coveredAt({ ...coverage, watching: false }, 1_000_000)).toBe(coverage.coveredMs);
    expect(coveredAt(coverage, 10_000_000)).toBe(coverage.coveredMs + 15_000);
  });
});
