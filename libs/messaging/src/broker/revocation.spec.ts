import { agentSubject } from '@keyfleet/contracts/messages';
import { waitFor } from '@keyfleet/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { type TestAgent, TestBroker } from '../testing/index.js';

jest.setTimeout(120_000);

const seconds = (millis: number) => Math.floor(millis / 1000);

describe('account claims on the broker', () => {
  let broker: TestBroker;

  beforeEach(async () => {
    broker = await TestBroker.start();
  });

  afterEach(() => broker.stop());

  const isOut = async (agent: TestAgent) => {
    try {
      const connection = await broker.connectAgent(agent);
      await connection.close();
      return false;
    } catch {
      return true;
    }
  };

  it('S4: agents stay out until the first push, while services are in', async () => {
    const agent = await broker.agent();
    const service = await broker.connectService('registry');
    expect(await isOut(agent)).toBe(true);
    await broker.push();
    expect(await isOut(agent)).toBe(false);
    await service.close();
  });

  it('S4: a revocation cuts the live agent within two seconds, leaves others alone, and holds after restarts', async () => {
    await broker.push();
    const [revoked, spared] = [await broker.agent(), await broker.agent()];
    const [one, two] = [await broker.connectAgent(revoked), await broker.connectAgent(spared)];
    const cut = firstDisconnect(one);
    const before = performance.now();
    await broker.push({ [revoked.nkey]: seconds(Date.now() + 86_400_000) });
    await cut;
    expect(performance.now() - before).toBeLessThan(2_000);
    await two.flush();
    expect(await isOut(revoked)).toBe(true);
    await broker.restart({ kill: true });
    expect(await isOut(revoked)).toBe(true);
    await answers(two);
    // Everything the broker was ever told is gone: nobody comes in before it is told again.
    await broker.restart({ kill: true, empty: true });
    expect(await isOut(revoked)).toBe(true);
    expect(await isOut(spared)).toBe(true);
    await broker.push({ [revoked.nkey]: seconds(Date.now() + 86_400_000) });
    expect(await isOut(revoked)).toBe(true);
    const witness = await broker.connectWitness();
    const heard = witness.subscribe(agentSubject(spared, 'hb'), { max: 1 });
    await witness.flush();
    await answers(two);
    two.publish(agentSubject(spared, 'hb'), 'still here');
    for await (const message of heard) expect(message.string()).toBe('still here');
    await Promise.all([one.close(), two.close(), witness.close()]);
  });

  it('F7: an agent comes back by itself after the broker was away, however often it was refused meanwhile', async () => {
    await broker.push();
    const agent = await broker.agent();
    const connection = await broker.connectAgent(agent, { reconnectWindowMs: 200 });
    const refusals: string[] = [];
    const reading = (async () => {
      for await (const status of connection.status())
        if (status.type === 'error') refusals.push(status.error.message);
    })();
    await broker.restart({ kill: true, empty: true });
    // The library's own default gives up at the second refusal in a row.
    await waitFor(() => refusals.filter((text) => /authorization/i.test(text)).length >= 4);
    await broker.push();
    await answers(connection);
    await connection.close();
    await reading;
  });
});

/** Resolves once the broker answers on this connection, after reconnects where they are due. */
function answers(connection: NatsConnection): Promise<true> {
  return waitFor(() => connection.flush().then((): true => true), { ceilingMs: 30_000 });
}

function firstDisconnect(connection: NatsConnection): Promise<void> {
  return (async () => {
    for await (const status of connection.status()) if (status.type === 'disconnect') return;
  })();
}
