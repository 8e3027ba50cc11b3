import { freePort } from '@keyfleet/embedded';
import { connectNats } from '@keyfleet/messaging';
import { TestBroker } from '@keyfleet/messaging/testing';
import { testNats, waitFor } from '@keyfleet/testing';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { beatsOf } from '../testing/agents.js';
import { LivenessWorld } from '../testing/world.js';
import { connectNodes } from './nodes.js';

/** Two nodes of one cluster, each knowing the other. */
async function cluster() {
  const routes = [await freePort(), await freePort()];
  return Promise.all(
    routes.map((port, index) =>
      testNats(
        `listen: "127.0.0.1:-1"
         server_name: n${index}
         cluster { name: c, listen: "127.0.0.1:${port}", routes: ["nats://127.0.0.1:${routes[1 - index]}"] }`,
      ),
    ),
  );
}

describe('canaries through a cluster', () => {
  it('F2: one broker node that hangs pauses detection though we are connected to another', async () => {
    const world = await LivenessWorld.create();
    const [near, far] = (await cluster()) as [
      Awaited<ReturnType<typeof testNats>>,
      Awaited<ReturnType<typeof testNats>>,
    ];
    const connections: NatsConnection[] = [];
    const to = async (url: string) => {
      const connection = await connect({
        servers: url,
        ignoreClusterUpdates: true,
        maxReconnectAttempts: -1,
      });
      connections.push(connection);
      return connection;
    };
    const nats = await to(near.url);
    const nodes = [
      { name: 'near', connection: nats },
      { name: 'far', connection: await to(far.url) },
    ];
    const replica = await world.replica({ nats, nodes, canaryWaitMs: 500 });
    try {
      // The nodes have to find each other first.
      await waitFor(async () => {
        await world.pass(20, replica);
        return replica.liveness.covered;
      });
      far.pause();
      await world.pass(30, replica);
      expect(replica.liveness.check()).toContain('canary-late');
      far.resume();
      await waitFor(async () => {
        await world.pass(10, replica);
        return replica.liveness.covered;
      });
      expect(await world.events('DetectionPaused', 'DetectionResumed')).toHaveLength(2);
    } finally {
      far.resume();
      await replica.close();
      await Promise.all(connections.map((connection) => connection.close()));
      await Promise.all([near.kill(), far.kill()]);
      await world.close();
    }
  });

  it('S2: beats, canaries and questions for replicas go through with the registry’s own rights, and nothing for others', async () => {
    const world = await LivenessWorld.create();
    const broker = await TestBroker.start();
    await broker.push();
    const identity = await broker.serviceIdentity('registry');
    const options = {
      servers: broker.servers,
      identity: () => identity,
      inboxPrefix: '_INBOX.svc.registry',
      name: 'registry',
    };
    const nats = await connectNats(options);
    const canaries = connectNodes(options);
    const replica = await world.replica({ nats, nodes: canaries.nodes, canaryWaitMs: 500 });
    const other = await connectNats(options);
    const gone = await world.replica({ nats: other, replicaId: 'gone' });
    const enrolled = (await world.enrol(1))[0] as (typeof world.agents)[number];
    const agent = await broker.connectAgent(await broker.agent(enrolled));
    try {
      const { subject, payload } = beatsOf(enrolled);
      agent.publish(subject, payload);
      agent.publish('kf.canary.beat', JSON.stringify({ replicaId: 'gone', node: 'broker' }));
      await agent.flush();
      await waitFor(async () => {
        for (const { liveness } of [replica, gone]) await liveness.watch();
        for (const { liveness } of [replica, gone]) await liveness.idle();
        return (await world.states()).online === 1;
      });
      await gone.kill();
      await other.close();
      await world.passWithoutBeats(60, replica);
      expect(replica.liveness.covered).toBe(true);
      expect(await world.sql`select replica_id from registry.detection_replicas`).toHaveLength(1);
      expect(world.errors).toEqual([]);
    } finally {
      await replica.close();
      await Promise.all([agent.close(), canaries.close(), nats.close()]);
      await broker.stop();
      await world.close();
    }
  });
});
