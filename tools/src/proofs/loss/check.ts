import type { EventStore } from '@keyfleet/event-store';
import { CROWD_ORG, type Crowd } from './crowd.js';
import { StoreJudge, type StoreVerdict, type Summary } from './history.js';
import type { Killer } from './kills.js';
import type { Ledger } from './ledger.js';
import type { Place } from './place.js';
import { ReadModel } from './read-model.js';
import { Shown } from './shown.js';
import { brokenJoints, pages } from './store-pages.js';
import type { Watermarks } from './watermarks.js';

/** Counts of what must not be; all zero is the proof. */
export interface Findings extends StoreVerdict {
  /** In the store and not, or otherwise, or more than once in the timeline's table; or there without an event. */
  readonly misprojected: number;
  /** In the store and not, or more than once in the timeline that the API lists. */
  readonly misshown: number;
  /** Confirmed to a client and not in the journal. */
  readonly unrecorded: number;
  /** Acknowledged to an agent before it was committed. */
  readonly acknowledgedEarly: number;
  /** Called offline, though nobody was away for as long as an agent has to be silent. */
  readonly falseOffline: number;
  /** Agents that REST or GraphQL do not call what their newest transition says, or whose journal is further or less far. */
  readonly misstated: number;
  /** Entries that were recorded as missing for ever, though somebody has them. */
  readonly falseGaps: number;
  /** Entries that ingest refused: all of them are good. */
  readonly refused: number;
  /** Streams that a projection left lying. */
  readonly parked: number;
  /** Tables that show an organisation's rows to somebody else. */
  readonly openTables: number;
}

export const isClean = (findings: Findings): boolean => Object.values(findings).every((count) => count === 0);

export interface CheckOptions {
  readonly place: Place;
  readonly ledger: Ledger;
  readonly store: EventStore;
  readonly killer: Killer;
  readonly crowd: Crowd | undefined;
  readonly watermarks: Watermarks;
  /** For what is shown to come up to what is stored; 3 min by default. */
  readonly patienceMs?: number;
  readonly random: () => number;
  readonly say: (line: string) => void;
}

const PATIENCE_MS = 180_000;
/** Timelines of simulated agents that are read through the API; their rows are compared in any case. */
const SAMPLE = 20;

interface AgentAt {
  readonly id: string;
  readonly name: string;
  readonly org: string;
}

interface Looking extends CheckOptions {
  readonly shown: Shown;
  readonly model: ReadModel;
  readonly agents: readonly AgentAt[];
}

/** Compares what agents recorded with the store, the read model, and what REST and GraphQL show, page by page. */
export async function checkAll(options: CheckOptions): Promise<{ findings: Findings; events: number }> {
  const { place } = options;
  const model = new ReadModel(place.stack.run.postgres.url);
  const agents = place.agents.map(({ id, name, org }) => ({ id, name, org }));
  const looking = { ...options, model, agents, shown: await Shown.open(place.stack) };
  try {
    const states = await compareStates(looking);
    const summaries = await endAgents(looking);
    const { events, ...stored } = await compareStore(looking, summaries);
    const misshown = await compareTimelines(looking, summaries);
    const openTables = await model.openTables();
    if (openTables.length > 0) options.say(`open to others: ${openTables.join(', ')}`);
    const findings: Findings = {
      ...stored,
      ...states,
      misstated: states.misstated + stored.misstated,
      misshown,
      unrecorded: options.ledger.unrecorded,
      acknowledgedEarly: options.watermarks.early,
      parked: await model.parked(),
      openTables: openTables.length,
    };
    return { findings, events };
  } finally {
    await model.close();
  }
}

async function compareStates({ store, place, shown, agents, say, patienceMs = PATIENCE_MS }: Looking) {
  const { states, offline } = await latestTransitions(store);
  const real = new Set<string>(agents.map(({ id }) => id));
  for (const { agentId, at, data } of offline)
    say(
      `${real.has(agentId) ? 'real' : 'simulated'} ${agentId} was called offline at ${at}: ${JSON.stringify(data)}`,
    );
  let misstated = 0;
  for (const { slug, id } of place.stack.run.orgs) {
    const own = [...states].filter(([, { orgId }]) => orgId === id);
    const expected = new Map(own.map(([agent, { state }]) => [agent, state]));
    misstated += await shown.misstated(slug, expected, patienceMs);
  }
  return { misstated, falseOffline: offline.length };
}

/** What agents record as they stop stays with them. */
async function endAgents({ agents, place, crowd, killer }: Looking): Promise<Map<string, Summary>> {
  for (const { name } of agents) await place.agent('stop', name);
  const summaries = (await crowd?.summaries()) ?? new Map<string, Summary>();
  await crowd?.close();
  for (const { name } of agents) killer.remember(name);
  return summaries;
}

async function compareStore(looking: Looking, summaries: ReadonlyMap<string, Summary>) {
  const { store, model, ledger, agents, say, patienceMs = PATIENCE_MS } = looking;
  if (!(await model.caughtUp(await store.headPosition(), patienceMs)))
    say('a projection did not come as far as the store');
  const judge = new StoreJudge({ ledger, summaries, real: new Set(agents.map(({ id }) => id)) });
  const counts = { falseGaps: 0, refused: 0, misprojected: 0, misstated: 0 };
  for await (const { events, after, upTo } of pages(store)) {
    judge.take(events.filter(({ stream }) => stream.startsWith('journal-')));
    counts.falseGaps += events.filter(({ type }) => type === 'JournalGapFound').length;
    counts.refused += events.filter(({ type }) => type === 'AgentEventRefused').length;
    counts.misprojected += await model.misprojected(events, after, upTo);
  }
  counts.misprojected += await model.beyond(await store.headPosition());
  say(`${judge.events} entries in the store were compared with the journals and the read model`);
  counts.misstated = await compareHeads(looking, judge);
  const verdict = judge.verdict(await brokenJoints(store, judge.joints));
  return { ...counts, ...verdict, events: judge.events };
}

/** Agents whose journal is not shown to be as far as it is; an epoch may have begun that nothing was written into. */
async function compareHeads({ place, shown }: Looking, judge: StoreJudge): Promise<number> {
  const heads = judge.heads();
  let wrong = 0;
  for (const { slug } of place.stack.run.orgs)
    for (const [agentId, { journal }] of await shown.states(slug)) {
      const head = heads.get(agentId) ?? { epoch: 1, seq: 0 };
      const same = journal.epoch === head.epoch && journal.seq === head.seq;
      if (!same && !(journal.epoch > head.epoch && journal.seq === 0)) wrong += 1;
    }
  return wrong;
}

async function compareTimelines(looking: Looking, summaries: ReadonlyMap<string, Summary>): Promise<number> {
  const { shown, ledger, agents, random } = looking;
  for (const agent of agents) await showAll(shown, ledger, agent);
  let misshown = ledger.misshown(agents.map(({ id }) => id));
  for (const id of sample([...summaries.keys()], SAMPLE, random))
    misshown += await misshownOf(shown, { id, org: CROWD_ORG }, summaries.get(id)?.recorded ?? 0);
  return misshown;
}

interface Transitions {
  readonly states: Map<string, { readonly state: string; readonly orgId: string | null }>;
  readonly offline: readonly { readonly agentId: string; readonly at: string; readonly data: unknown }[];
}

async function latestTransitions(store: EventStore): Promise<Transitions> {
  const states = new Map<string, { state: string; orgId: string | null }>();
  const offline: { agentId: string; at: string; data: unknown }[] = [];
  for await (const { events } of pages(store, ['liveness']))
    for (const { type, stream, metadata, data, recordedAt } of events) {
      const agentId = stream.slice('liveness-'.length);
      if (type === 'AgentWentOffline') {
        offline.push({ agentId, at: recordedAt, data });
        states.set(agentId, { state: 'offline', orgId: metadata.orgId });
      }
      if (type === 'AgentCameOnline') states.set(agentId, { state: 'online', orgId: metadata.orgId });
    }
  return { states, offline };
}

async function showAll(shown: Shown, ledger: Ledger, agent: { id: string; org: string }): Promise<void> {
  for await (const rows of shown.timeline(agent))
    ledger.together(() => {
      for (const { id, stream } of rows) if (stream.startsWith('journal-')) ledger.show(agent.id, id);
    });
}

async function misshownOf(
  shown: Shown,
  agent: { id: string; org: string },
  recorded: number,
): Promise<number> {
  const ids = new Set<string>();
  let rows = 0;
  for await (const page of shown.timeline(agent))
    for (const { id, stream } of page) {
      if (!stream.startsWith('journal-')) continue;
      rows += 1;
      ids.add(id);
    }
  return Math.abs(recorded - ids.size) + rows - ids.size;
}

function sample<T>(list: readonly T[], size: number, random: () => number): T[] {
  const left = [...list];
  const taken: T[] = [];
  while (left.length > 0 && taken.length < size)
    taken.push(...left.splice(Math.floor(random() * left.length), 1));
  return taken;
}
