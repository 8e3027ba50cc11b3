import { setTimeout as delay } from 'node:timers/promises';
import { type Knocks, knockWrongly } from './knocks.js';
import type { StormWorld } from './world.js';

export interface StormOptions {
  readonly world: StormWorld;
  /** Who have a good token, one for all of them. */
  readonly entitled: number;
  /** Attempts with a token that is none, from another network. */
  readonly wrong: number;
  /** How long they are watched before and after; long enough for each agent's next beat by default. */
  readonly settledMs?: number;
  readonly say: (line: string) => void;
}

export interface StormResult {
  readonly entitled: number;
  /** Connected, each with an id of its own. */
  readonly entered: number;
  /** `AgentEnrolled` in the store: not one more. */
  readonly enrolled: number;
  readonly seconds: number;
  readonly knocks: Knocks;
  /** Attempts with the used-up token that were let in. */
  readonly overUsed: number;
  readonly falseOffline: number;
  /** The longest any agent of before was not heard of, in seconds. */
  readonly longestSilence: { readonly before: number; readonly meanwhile: number };
  readonly reasons: Readonly<Record<string, number>>;
  readonly wrong: readonly string[];
}

/** A beat is due after 30 s at the latest, is written within 5, and was there in time for 10 more. */
const MOST_SILENCE_SECONDS = 45;
const LOOK_MS = 1_000;
const SETTLED_MS = 35_000;
const BASELINE_MS = 5_000;
const OVER_USES = 5;
const WRONG_NETWORK = '127.0.99.1';
const OVER_USE_NETWORK = '127.0.98.1';

/** Everybody wants in at once, some with a wrong token, while a fleet is there that beats. */
export async function sufferStorm(options: StormOptions): Promise<StormResult> {
  const { world, entitled, wrong, say, settledMs = SETTLED_MS } = options;
  const position = await world.store.headPosition();
  const known = new Set((await world.shown()).map(({ id }) => id));
  // What came before leaves agents unheard for a moment.
  await delay(Math.max(0, settledMs - BASELINE_MS));
  const before = await longestSilenceWhile(world, known, delay(BASELINE_MS));
  const enrolmentToken = await world.token(entitled);
  const url = world.stack.run.gateway.url;
  const simulator = world.startSimulator('storm');
  try {
    const began = performance.now();
    const ending = new AbortController();
    const knocking = knockWrongly({
      ...{ url, token: spoilt(enrolmentToken), count: wrong, from: WRONG_NETWORK },
      signal: ending.signal,
    });
    const entering = simulator.tell({ kind: 'add', agents: entitled, enrolmentToken, perSecond: 1e6 });
    let seconds = 0;
    const all = entering.then(() => {
      seconds = Math.round((performance.now() - began) / 100) / 10;
      say(`${entitled} entitled agents were in after ${seconds} s`);
    });
    const over = Promise.all([all, knocking]).then(() => delay(settledMs));
    const meanwhile = await longestSilenceWhile(world, known, over).finally(() => ending.abort());
    const knocks = await knocking;
    const again = await knockWrongly({
      ...{ url, token: enrolmentToken, count: OVER_USES, from: OVER_USE_NETWORK },
      signal: new AbortController().signal,
    });
    const { agents, reasons } = await simulator.report();
    const entered = agents.filter(({ state }) => state === 'connected').map(({ agentId }) => agentId);
    const figures = {
      ...{ entitled, entered: new Set(entered).size, seconds, knocks, overUsed: again.letIn, reasons },
      enrolled: (await world.facts(['AgentEnrolled'], position)).length,
      falseOffline: (await world.facts(['AgentWentOffline'], position)).length,
      longestSilence: { before, meanwhile },
    };
    const result = { ...figures, wrong: wrongWithStorm(figures) };
    say(JSON.stringify(result));
    return result;
  } finally {
    await simulator.kill();
  }
}

export function wrongWithStorm(figures: Omit<StormResult, 'wrong'>): readonly string[] {
  const { entitled, entered, enrolled, knocks, overUsed, falseOffline, longestSilence } = figures;
  const found: readonly (readonly [boolean, string])[] = [
    [entered !== entitled, `${entered} of ${entitled} entitled agents are in`],
    [enrolled !== entitled, `${enrolled} enrolments stand in the store, not ${entitled}`],
    [knocks.letIn + overUsed > 0, `${knocks.letIn + overUsed} attempts without a right were let in`],
    [
      knocks.busyWithoutRetryAfter > 0,
      `${knocks.busyWithoutRetryAfter} answers 429 say not when to come again`,
    ],
    [knocks.other > 0, `${knocks.other} attempts were answered with something else than a refusal`],
    [falseOffline > 0, `${falseOffline} living agents were reported offline`],
    [
      longestSilence.meanwhile > MOST_SILENCE_SECONDS,
      `an agent of before was not heard of for ${longestSilence.meanwhile} s`,
    ],
  ];
  return found.filter(([is]) => is).map(([, what]) => what);
}

/** In seconds, as the API shows it. */
async function longestSilenceWhile(
  world: StormWorld,
  known: ReadonlySet<string>,
  work: Promise<unknown>,
): Promise<number> {
  let isOver = false;
  const done = work.finally(() => {
    isOver = true;
  });
  done.catch(() => undefined);
  let longest = 0;
  while (!isOver) {
    // The moment of the question: an answer may have been long underway.
    const at = Date.now();
    for (const { id, lastSeenAt } of await world.shown())
      if (known.has(id)) longest = Math.max(longest, at - Date.parse(lastSeenAt ?? ''));
    await Promise.race([delay(LOOK_MS), done.catch(() => undefined)]);
  }
  await done;
  return Math.round(longest / 100) / 10;
}

/** The right form and authority, another secret. */
function spoilt(token: string): string {
  const last = token.slice(-6);
  return token.slice(0, -6) + (last === 'AAAAAA' ? 'BBBBBB' : 'AAAAAA');
}
