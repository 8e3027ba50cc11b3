import fc from 'fast-check';
import { type Boots, isAlive, LATE_MS, NO_BOOTS, type Observation, observe, type Sighting } from './boots.js';

const BEAT = 27_000;

function run(beats: readonly Sighting[]): { boots: Boots; observations: Observation[] } {
  let boots = NO_BOOTS;
  const observations = beats.map((beat) => {
    const observation = observe(boots, beat);
    boots = observation.boots;
    return observation;
  });
  return { boots, observations };
}

const suspicions = (observations: readonly Observation[]) =>
  observations.flatMap(({ suspects }) => (suspects ? [suspects] : []));

/** Beats of one life: boots one after the other, each beating on its own cadence. */
const life = fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 6 }).map((lengths) => {
  const sent: Sighting[] = [];
  let at = 1_000_000;
  for (const [boot, length] of lengths.entries()) {
    for (let counter = 1; counter <= length; counter += 1) {
      sent.push({ bootId: `boot-${boot}`, counter, receivedAt: at });
      at += BEAT;
    }
    at -= BEAT - 1_500;
  }
  return sent;
});

/** What arrives of it: each beat late by up to `most`, some twice, in order of arrival. */
function arrivals(sent: readonly Sighting[], most: number): fc.Arbitrary<Sighting[]> {
  const delays = fc.array(fc.integer({ min: 0, max: most }), { minLength: 1, maxLength: 2 });
  return fc
    .tuple(...sent.map(() => delays))
    .map((all) =>
      sent
        .flatMap((beat, index) =>
          (all[index] ?? []).map((delay) => ({ ...beat, receivedAt: beat.receivedAt + delay })),
        )
        .sort((a, b) => a.receivedAt - b.receivedAt),
    );
}

describe('beats of one agent', () => {
  it('F6: in any order and however often they come, the counter of a boot never goes back', () => {
    const shuffled = life.chain((sent) =>
      fc
        .shuffledSubarray([...sent, ...sent], { minLength: 1 })
        .map((beats) => beats.map((beat, index) => ({ ...beat, receivedAt: 1_000_000 + index * 700 }))),
    );
    fc.assert(
      fc.property(shuffled, (beats) => {
        let boots = NO_BOOTS;
        const highest = new Map<string, number>();
        for (const beat of beats) {
          const { sight, boots: next } = observe(boots, beat);
          if (isAlive(sight)) expect(beat.counter).toBeGreaterThan(highest.get(beat.bootId) ?? 0);
          highest.set(beat.bootId, Math.max(beat.counter, highest.get(beat.bootId) ?? 0));
          for (const boot of [next.current, ...next.others])
            if (boot) expect(boot.counter).toBe(highest.get(boot.id));
          boots = next;
        }
      }),
    );
  });

  it('F6: late, reordered and doubled beats of restarts are never taken for a clone, and the last boot holds', () => {
    fc.assert(
      fc.property(
        life.chain((sent) => arrivals(sent, LATE_MS - 1).map((came) => ({ sent, came }))),
        ({ sent, came }) => {
          const { boots, observations } = run(came);
          expect(suspicions(observations)).toEqual([]);
          const last = sent.at(-1);
          // A later beat of the last boot always brings it back, even where its first one was overtaken.
          const next = {
            ...(last as Sighting),
            counter: 1_000,
            receivedAt: (came.at(-1)?.receivedAt ?? 0) + BEAT,
          };
          expect(observe(boots, next).boots.current?.id).toBe(last?.bootId);
        },
      ),
    );
  });

  it('F6: a beat seen before changes nothing', () => {
    fc.assert(
      fc.property(
        life.chain((sent) => arrivals(sent, LATE_MS - 1)),
        fc.nat(),
        (came, pick) => {
          const { boots } = run(came);
          const again = came[pick % came.length] as Sighting;
          const { sight, boots: after } = observe(boots, {
            ...again,
            receivedAt: again.receivedAt + 600_000,
          });
          expect([sight, after]).toEqual(['stale', boots]);
        },
      ),
    );
  });

  it('F6: two processes under one identity are suspected once, within three beats, whatever their phase', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: BEAT - 1 }), fc.integer({ min: 3, max: 20 }), (phase, rounds) => {
        const beats = Array.from({ length: rounds }, (_, round) => [
          { bootId: 'a', counter: 100 + round, receivedAt: round * BEAT },
          { bootId: 'b', counter: 1 + round, receivedAt: round * BEAT + phase },
        ]).flat();
        const { observations } = run(beats);
        expect(suspicions(observations)).toEqual([expect.arrayContaining(['a', 'b'])]);
        expect(observations.slice(0, 6).some(({ suspects }) => suspects)).toBe(true);
      }),
    );
  });

  it('F6: three processes under one identity are one suspicion too', () => {
    const beats = Array.from({ length: 10 }, (_, round) =>
      ['a', 'b', 'c'].map((bootId, index) => ({
        bootId,
        counter: round + 1,
        receivedAt: round * BEAT + index * 9_000,
      })),
    ).flat();
    expect(suspicions(run(beats).observations)).toHaveLength(1);
  });

  it('F6: one boot that comes back once, from a process that hung, is no clone', () => {
    const { boots, observations } = run([
      { bootId: 'a', counter: 1, receivedAt: 0 },
      { bootId: 'b', counter: 1, receivedAt: 60_000 },
      { bootId: 'a', counter: 2, receivedAt: 90_000 },
      { bootId: 'a', counter: 3, receivedAt: 117_000 },
    ]);
    expect(observations.map(({ sight }) => sight)).toEqual(['first', 'restart', 'return', 'beat']);
    expect(suspicions(observations)).toEqual([]);
    expect(boots.current?.id).toBe('a');
  });

  it('a clone that was dealt with and comes again later is told again', () => {
    const alternate = (from: number) =>
      Array.from({ length: 4 }, (_, round) => [
        { bootId: 'a', counter: from + round, receivedAt: from * 1_000 + round * BEAT },
        { bootId: 'b', counter: from + round, receivedAt: from * 1_000 + round * BEAT + 12_000 },
      ]).flat();
    expect(suspicions(run([...alternate(1), ...alternate(7_200)]).observations)).toHaveLength(2);
  });
});
