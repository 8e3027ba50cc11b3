import { temporaryDirectory } from '@keyfleet/testing';
import { seeded } from '../random.js';
import { judgeDetection } from './judge.js';
import { proveLiveness } from './proof.js';

const S = 1_000;
const deaths = [1, 2, 3].map((n) => ({ agentId: `agt_${n}`, at: n * 10 * S }));
const reports = deaths.map(({ agentId, at }) => ({ agentId, at: at + 80 * S }));

describe('the judge of detection', () => {
  it('takes each death with the report of it', () => {
    expect(judgeDetection(deaths, reports, [])).toMatchObject({
      ...{ killed: 3, reported: 3, missed: 0, doubled: 0, false: 0, delayed: 0 },
      latency: { n: 3, p50: 80, p99: 80, max: 80, histogram: { '80-90': 3 } },
    });
  });

  it('F1: catches a death nobody reported, a report twice, of the living, and of one who died only later', () => {
    expect(judgeDetection(deaths, reports.slice(1), [])).toMatchObject({ missed: 1 });
    expect(judgeDetection(deaths, [...reports, ...reports.slice(0, 1)], [])).toMatchObject({ doubled: 1 });
    const living = { agentId: 'agt_4', at: 50 * S };
    expect(judgeDetection(deaths, [...reports, living], [])).toMatchObject({ false: 1, missed: 0 });
    const early = { agentId: 'agt_1', at: 5 * S };
    expect(judgeDetection(deaths, [early, ...reports.slice(1)], [])).toMatchObject({ false: 1, missed: 1 });
  });

  it('leaves time of blindness out of what was covered, and says how many waited through it', () => {
    const late = reports.map((report) => ({ ...report, at: report.at + 60 * S }));
    const verdict = judgeDetection(deaths, late, [{ from: 40 * S, to: 100 * S }]);
    expect(verdict).toMatchObject({ delayed: 3, latency: { n: 0 }, covered: { n: 3, max: 80 } });
  });
});

/** The proof itself is `npm run proof:liveness`; this keeps it working, small. */
it('F1, F4: every dead agent is reported once, though one registry pauses and two are killed', async () => {
  const result = await proveLiveness({
    ...{
      directory: temporaryDirectory('liveness'),
      factor: 6,
      kind: 'hearts',
      agents: 30,
      kills: 6,
      lastsMs: 320_000,
    },
    ...{ random: seeded(11), say: () => {} },
  });
  expect(result).toMatchObject({ killed: 6, reported: 6, missed: 0, doubled: 0, false: 0, back: 6 });
}, 240_000);
