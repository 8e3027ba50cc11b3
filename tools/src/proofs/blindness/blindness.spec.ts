import { temporaryDirectory } from '@keyfleet/testing';
import { inTestTime } from '../detection/prometheus.js';
import { type Episode, judge } from './judge.js';
import { proveBlindness } from './proof.js';

const S = 1_000;
const from = 1_000_000;
const to = from + 600 * S;

/** An outage of ten minutes in which everything was as promised. */
const honest: Episode = {
  name: 'broker lost',
  ...{
    from,
    to,
    normalAt: to + 40 * S,
    offAfter: 0,
    tellerBehind: 0,
    blindAfterMs: 25 * S,
    mayEndEarly: false,
  },
  facts: [
    { type: 'DetectionPaused', since: from - 3 * S, reason: 'canary-late' },
    { type: 'DetectionResumed', pausedAt: from - 3 * S, resumedAt: to + 12 * S },
  ],
  sights: [0, 30, 300, 599, 650].flatMap((at) =>
    (['rest', 'graphql'] as const).map((via) => ({
      ...{ at: from + at * S, via },
      states: [at < 25 || at > 600 ? 'online' : 'unknown'],
    })),
  ),
  firings: [50, 300, 605].map((at) => ({ at: from + at * S, name: 'KeyfleetDetectionBlind' })),
};

describe('the judge of honest blindness', () => {
  it('finds nothing wrong with an outage that was told of as promised', () => {
    expect(judge(honest)).toMatchObject({
      wrong: [],
      offline: 0,
      pauses: 1,
      firedAfter: 50,
      normalAfter: 40,
    });
  });

  it('takes a pause that begins too early by as much as the clock that tells of it is behind', () => {
    const since = honest.from - 3_600 * S;
    const facts = honest.facts.map((fact) =>
      fact.type === 'DetectionPaused' ? { ...fact, since } : { ...fact, pausedAt: since },
    ) as Episode['facts'];
    expect(judge({ ...honest, facts, tellerBehind: 3_600 * S })).toMatchObject({ wrong: [] });
  });

  const [pause, resume] = honest.facts as [Episode['facts'][number], Episode['facts'][number]];
  const lies: Record<string, [Partial<Episode>, RegExp]> = {
    'an agent called offline': [
      { facts: [...honest.facts, { type: 'AgentWentOffline' }] },
      /1 agents reported/,
    ],
    'a second pause': [{ facts: [pause, pause, resume] }, /2 pauses/],
    'no resumption': [{ facts: [pause] }, /0 resumptions/],
    'no pause at all': [{ facts: [] }, /0 pauses/],
    'a pause dated when it was told': [
      { facts: [{ ...pause, since: to } as typeof pause, resume] },
      /paused 600 s after/,
    ],
    'a pause dated by a clock that was behind by another time': [
      {
        tellerBehind: 3_600 * S,
        facts: [{ ...pause, since: from - 1_800 * S } as typeof pause, resume],
      },
      /paused -1800 s after/,
    ],
    'a resumption while the broker was away': [
      { facts: [pause, { ...resume, resumedAt: to - 100 * S } as typeof resume] },
      /resumed -100 s after/,
    ],
    'no alert': [{ firings: [] }, /did not fire/],
    'an alert too late': [{ firings: [{ at: from + 70 * S, name: 'KeyfleetDetectionBlind' }] }, /after 70 s/],
    'a second alert': [{ firings: [...honest.firings, { at: to, name: 'Other' }] }, /Other fired, too/],
    'a state known to nobody': [
      {
        sights: honest.sights.map((sight) =>
          sight.via === 'rest' ? { ...sight, states: ['online'] } : sight,
        ),
      },
      /never unknown through rest/,
    ],
    'a view that stays odd': [{ normalAt: to + 121 * S }, /not normal within 120 s/],
  };
  it.each(Object.entries(lies))('F2: catches %s', (_, [change, said]) => {
    expect(judge({ ...honest, ...change }).wrong.join('; ')).toMatch(said);
  });

  it('lets a stalled replica be let go of before it is back, and knows what clocks were set to', () => {
    const early = [pause, { ...resume, resumedAt: from + 200 * S } as typeof resume];
    const sights = honest.sights.map((sight) =>
      sight.at > from + 200 * S ? { ...sight, states: ['online'] } : sight,
    );
    expect(judge({ ...honest, facts: early, sights, mayEndEarly: true }).wrong).toEqual([]);
    const hour = 3_600 * S;
    const set = [pause, { ...resume, resumedAt: to + 12 * S + hour } as typeof resume];
    expect(judge({ ...honest, facts: set, offAfter: hour }).wrong).toEqual([]);
    expect(judge({ ...honest, facts: set }).wrong).not.toEqual([]);
  });
});

it('rules are read in test time: every duration shorter, and nothing else', () => {
  const rules =
    'expr: rate(x_total[5m]) > 300\nfor: 30s\nlabels: { a: "for: 1m" }\nexpr: max_over_time(y[1h:30s])\n';
  expect(inTestTime(rules, 6)).toBe(
    'expr: rate(x_total[50000ms]) > 300\nfor: 5000ms\nlabels: { a: "for: 1m" }\nexpr: max_over_time(y[600000ms:5000ms])\n',
  );
});

/**
 * The proof itself is `npm run proof:blindness`; this keeps it working, with one fault. Slow enough that a busy machine's
 * own pauses are none of detection's; how soon a dead agent is found afterwards is for the proof to judge.
 */
it('F5: every clock set forward by an hour pauses detection once, and no agent goes offline', async () => {
  const said: string[] = [];
  const result = await proveBlindness({
    ...{ directory: temporaryDirectory('blindness'), factor: 3, agents: 2, lostMs: 0 },
    only: 'every clock set forward',
    say: (line) => said.push(line),
  });
  console.log(`a dead agent was found after ${result.foundDeadAfter.toFixed(1)} s`);
  expect(said.filter((line) => line.includes('WRONG'))).toEqual([]);
  expect(result).toMatchObject({ offline: 0, pauses: 1 });
}, 240_000);
