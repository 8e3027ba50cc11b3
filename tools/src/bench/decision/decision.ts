import type { PolicyStatement } from '@keyfleet/contracts';
import { type AccessRequest, PolicySet } from '@keyfleet/policy-engine';
import { at, type Bench, type Figure } from '../bench.js';
import { median, quantile } from '../rounds.js';
import { caslOf } from './casl.js';
import { cedarOf } from './cedar.js';
import { requestsOf, statementsOf } from './workload.js';

const ROUNDS = 5;
const REQUESTS = 20_000;
/** Cedar goes through every statement for every request: as many as take a second or so. */
const OF_ANCHOR = 500;

type Decide = (request: AccessRequest) => boolean;

/** One decision of the engine as an agent makes it, conditions included, beside Cedar and CASL on the same set. */
export const decision: Bench = {
  name: 'decision',
  about: 'one decision of a set of policies, beside Cedar (wasm, parsed beforehand) and CASL',
  sizes: [1_000, 10_000],
  run: ({ sizes, say }) =>
    Promise.resolve(
      sizes.flatMap((size) => {
        say(`${size} statements`);
        return atSize(size);
      }),
    ),
};

function atSize(size: number): Figure[] {
  const full = statementsOf(size);
  const bare = statementsOf(size, false);
  const requests = requestsOf(size, REQUESTS);
  const cedar = compare(engineOf(full), cedarOf(full), requests);
  const casl = compare(engineOf(bare), caslOf(bare), requests);
  return [
    {
      name: at('decision', size),
      figure: cedar.own.p99,
      unit: 'µs p99',
      anchor: { name: 'Cedar', figure: cedar.other.p99 },
      note: `Half of the statements have conditions. In the middle ${cedar.own.p50.toFixed(1)} µs, Cedar ${cedar.other.p50.toFixed(0)} µs; both allow the same ${Math.round(cedar.allowed * 100)} % of requests.`,
    },
    {
      name: at('decision-bare', size),
      figure: casl.own.p99,
      unit: 'µs p99',
      anchor: { name: 'CASL', figure: casl.other.p99 },
      note: `Without conditions, which CASL does not have. In the middle ${casl.own.p50.toFixed(1)} µs, CASL ${casl.other.p50.toFixed(0)} µs.`,
    },
  ];
}

function engineOf(statements: readonly PolicyStatement[]): Decide {
  const set = new PolicySet([{ policyId: 'pol_bench', version: 1, statements }]);
  return (request) => set.decide(request).verdict === 'allowed';
}

interface Times {
  readonly p50: number;
  readonly p99: number;
}

/** In turns, and only where both say the same of every request that both are asked: else there is nothing to compare. */
function compare(
  own: Decide,
  other: Decide,
  requests: readonly AccessRequest[],
): { own: Times; other: Times; allowed: number } {
  const asked = requests.slice(0, OF_ANCHOR);
  const [ours, theirs] = [asked.map(own), asked.map(other)];
  const differs = ours.findIndex((verdict, index) => verdict !== theirs[index]);
  if (differs >= 0) throw new Error(`The two disagree about ${JSON.stringify(asked[differs])}.`);
  const rounds = Array.from(
    { length: ROUNDS },
    () => [measure(own, requests), measure(other, asked)] as const,
  );
  return {
    own: middle(rounds.map(([times]) => times)),
    other: middle(rounds.map(([, times]) => times)),
    allowed: ours.filter(Boolean).length / asked.length,
  };
}

function measure(decide: Decide, requests: readonly AccessRequest[]): Times {
  const times = requests.map((request) => {
    const started = performance.now();
    decide(request);
    return (performance.now() - started) * 1_000;
  });
  return { p50: median(times), p99: quantile(times, 0.99) };
}

function middle(rounds: readonly Times[]): Times {
  return { p50: median(rounds.map(({ p50 }) => p50)), p99: median(rounds.map(({ p99 }) => p99)) };
}
