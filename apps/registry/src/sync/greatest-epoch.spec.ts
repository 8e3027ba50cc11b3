import { MAX_EPOCH, MAX_INT4 } from '@keyfleet/contracts';
import { agentSubject } from '@keyfleet/contracts/messages';
import { newId } from '@keyfleet/platform';
import { ModelAgent } from '../ingest/testing/model-agent.js';
import { startPlane } from '../ingest/testing/plane.js';

describe('sync', () => {
  it('repro-greatest-epoch: begins no epoch that read models could not count, whatever an agent claims to have', async () => {
    const plane = startPlane();
    const agent = await new ModelAgent().enrol(plane.store);
    const [entry] = agent.recordMany(1);
    const ask = (epoch: number) =>
      plane.sync.handle(
        agentSubject(agent, 'rpc.sync'),
        Buffer.from(
          JSON.stringify({
            ...{ v: 1, agentId: agent.agentId, bootId: newId('evt').slice(4), agentVersion: '1.0.0' },
            ...{ head: { epoch, seq: 1, hash: entry?.hash }, oldestSeq: 1, oldestPrev: entry?.prev },
          }),
        ),
      );
    for (const beyond of [MAX_EPOCH + 1, MAX_EPOCH + 2, Number.MAX_SAFE_INTEGER])
      expect(await ask(beyond)).toEqual({ code: 'request.invalid' });
    expect(await ask(MAX_EPOCH)).not.toHaveProperty('code');
    const facts = (await plane.store.readStream(`agent-${agent.agentId}`)).slice(1);
    expect(facts.length).toBeGreaterThan(0);
    for (const { data } of facts as readonly { data: { epoch: number; newEpoch?: number } }[])
      expect(Math.max(data.epoch, data.newEpoch ?? 0)).toBeLessThanOrEqual(MAX_INT4);
    expect(plane.errors).toEqual([]);
  });
});
