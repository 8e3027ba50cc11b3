import { AgentEpochStarted, make } from '@keyfleet/contracts/events';
import type { EventStore, NewEvent } from '@keyfleet/event-store';
import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import type { DomainEvent } from '@keyfleet/kernel';
import { newId } from '@keyfleet/platform';
import { TestClock } from '@keyfleet/testing';
import { StoredAgents } from './agents.js';
import { ModelAgent } from './testing/model-agent.js';

const clock = new TestClock();
const orgId = newId('org');

function eventOf(agentId: string, fact: DomainEvent): NewEvent {
  return { ...fact, id: newId('evt'), metadata: { orgId, actor: agentId, at: '2026-03-01T10:00:00.000Z' } };
}

/** A store that can be exchanged for an earlier image of itself. */
function exchangeable(): { store: EventStore; exchange(other: EventStore): void } {
  let current: EventStore = createInMemoryEventStore({ clock });
  const store = new Proxy({} as EventStore, {
    get: (_, name) => (Reflect.get(current, name) as () => unknown).bind(current),
  });
  return { store, exchange: (other) => (current = other) };
}

it('repro-agents-put-back: what is remembered of agents is forgotten where the store is put back to before it', async () => {
  const { store, exchange } = exchangeable();
  const agents = new StoredAgents({ store, clock });
  const agent = await new ModelAgent().enrol(store);
  const { agentId } = agent;
  const image = createInMemoryEventStore({ clock });
  for (const { stream, id, type, v, data, metadata } of (await store.readAll()).events)
    await image.append(stream, 'no-stream', [{ id, type, v, data, metadata }]);

  const begun = make(AgentEpochStarted, { agentId, epoch: 2, prev: 'b'.repeat(64) });
  await store.append(`agent-${agentId}`, 0n, [eventOf(agentId, begun)]);
  clock.advance(1_000);
  expect(await agents.find(agentId)).toMatchObject({ epoch: 2, revision: 1n });

  exchange(image);
  clock.advance(1_000);
  expect(await agents.find(agentId)).toMatchObject({ epoch: 1, revision: 0n });

  // What happens at the old places from then on is noticed as ever.
  await store.append(`agent-${agentId}`, 0n, [
    eventOf(agentId, make(AgentEpochStarted, { agentId, epoch: 5, prev: 'c'.repeat(64) })),
  ]);
  clock.advance(1_000);
  expect(await agents.find(agentId)).toMatchObject({ epoch: 5, revision: 1n });
});
