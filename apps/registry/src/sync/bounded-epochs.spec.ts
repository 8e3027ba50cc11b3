import type { SyncReply } from '@keyfleet/contracts';
import { agentSubject } from '@keyfleet/contracts/messages';
import { newId } from '@keyfleet/platform';
import { ModelAgent } from '../ingest/testing/model-agent.js';
import { type Plane, startPlane } from '../ingest/testing/plane.js';

const HOUR_MS = 3_600_000;
const LATER = { retryAfterMs: expect.any(Number) };
let plane: Plane;
let agent: ModelAgent;
let claimed: number;
let lastHash: string | undefined;

beforeEach(async () => {
  plane = startPlane({ movesPerHour: 3 });
  agent = await new ModelAgent().enrol(plane.store);
  agent.recordMany(2);
  await plane.ingest.handle(agent.subject, agent.batch());
  claimed = 1;
  lastHash = agent.entries.at(-1)?.hash;
});
afterEach(() => expect(plane.errors).toEqual([]));

/** As if a restore had lost an epoch in which there was nothing yet: whoever has the agent's key can claim that. */
function claim({ sync }: Pick<Plane, 'sync'> = plane): Promise<SyncReply> {
  const request = {
    ...{ v: 1, agentId: agent.agentId, bootId: newId('evt').slice(4), agentVersion: '1.0.0' },
    head: { epoch: (claimed += 1), seq: 0, hash: lastHash },
    ...{ oldestSeq: null, oldestPrev: null },
  };
  return sync.handle(agentSubject(agent, 'rpc.sync'), Buffer.from(JSON.stringify(request)));
}

const begun = async () => (await plane.store.readStream(`agent-${agent.agentId}`)).length - 1;

it('repro-claimed-epochs: S4: whoever has an agent’s key begins no more epochs within an hour than a rolled-back disk may', async () => {
  const replicas = [plane, plane.replica()];
  const replies: SyncReply[] = [];
  for (let round = 0; round < 4; round += 1)
    for (const replica of replicas) replies.push(await claim(replica));
  expect(replies.slice(0, 3)).toMatchObject([{ epoch: 2 }, { epoch: 3 }, { epoch: 4 }]);
  for (const reply of replies.slice(3)) expect(reply).toEqual(LATER);
  expect(await begun()).toBe(3);
});

it('S4: replicas asked at once begin no more than one alone', async () => {
  const replicas = Array.from({ length: 4 }, () => plane.replica());
  for (const replica of replicas) await Promise.all([claim(replica), claim(), claim(replica)]);
  expect(await begun()).toBe(3);
});

it('epochs that were claimed count with those that forked, and an hour later there are more', async () => {
  expect(await claim()).toMatchObject({ epoch: 2 });
  agent.entries = [];
  const [other] = agent.recordMany(1);
  expect(await plane.ingest.handle(agent.subject, agent.batch([other]))).toMatchObject({ epoch: 3 });
  plane.clock.advance(HOUR_MS / 2);
  claimed = 3;
  expect(await claim()).toMatchObject({ epoch: 4 });
  expect(await claim()).toEqual(LATER);
  expect(await plane.ingest.handle(agent.subject, agent.batch([other]))).toEqual(LATER);
  plane.clock.advance(HOUR_MS / 2 + 1);
  expect(await claim()).toMatchObject({ epoch: 6 });
  expect(await plane.ingest.handle(agent.subject, agent.batch([other]))).toMatchObject({ epoch: 7 });
  claimed = 7;
  expect(await claim()).toEqual(LATER);
});

it('a gap and the epoch it leads to count as one', async () => {
  const gap = async () => {
    const request = {
      ...{ v: 1, agentId: agent.agentId, bootId: newId('evt').slice(4), agentVersion: '1.0.0' },
      head: { epoch: (claimed += 1), seq: 5, hash: 'c'.repeat(64) },
      ...{ oldestSeq: 4, oldestPrev: 'b'.repeat(64) },
    };
    return plane.sync.handle(agentSubject(agent, 'rpc.sync'), Buffer.from(JSON.stringify(request)));
  };
  for (const epoch of [3, 5, 7]) {
    expect(await gap()).toMatchObject({ epoch });
    claimed = epoch;
  }
  expect(await gap()).toEqual(LATER);
  expect(await begun()).toBe(6);
});
