import { type AgentSubjectKind, allAgents, RPC_VERBS } from '@keyfleet/contracts/messages';
import type { NatsConnection } from '@nats-io/transport-node';
import { connect } from '@nats-io/transport-node';
import { listenToAgents } from '../agent-listener.js';
import { natsConnectionOptions } from '../connection.js';
import { type Cast, forgeries, runForgery, type Stage, TestBroker, Witness } from '../testing/index.js';
import { publicKeyOf } from './keys.js';

jest.setTimeout(120_000);

const KINDS: AgentSubjectKind[] = ['hb', 'ev', ...RPC_VERBS.map((verb) => `rpc.${verb}` as const)];

describe('what a genuine agent can do with the broker', () => {
  let broker: TestBroker;
  let cast: Cast;
  let stage: Stage;
  let witness: Witness;
  const open: NatsConnection[] = [];

  beforeAll(async () => {
    broker = await TestBroker.start();
    await broker.push();
    const me = await broker.agent();
    cast = {
      me,
      neighbour: await broker.agent({ orgId: me.orgId }),
      stranger: await broker.agent(),
      account: publicKeyOf(broker.seeds.account),
    };
    const forger = await connect({
      ...natsConnectionOptions({
        servers: broker.servers,
        identity: () => me.identity,
        inboxPrefix: `_INBOX.${me.agentId}`,
        name: me.agentId,
      }),
    });
    stage = { cast, forger, witness: await broker.connectWitness() };
    witness = new Witness(stage.witness);
    await stage.witness.flush();
    open.push(forger, stage.witness);
  });

  afterAll(async () => {
    await Promise.all(open.map((connection) => connection.close()));
    await broker.stop();
  });

  it('S2 S3: every forged operation is refused and its honest twin succeeds, with a guarded responder that may publish anything', async () => {
    // The responders have no broker permission in their way: what holds here is the guard alone.
    const responder = await broker.connectWitness();
    open.push(responder);
    const dropped: string[] = [];
    for (const kind of KINDS) {
      listenToAgents(
        responder,
        { kind, queue: 'test', onDropped: ({ reason, channel }) => dropped.push(`${reason} ${channel}`) },
        ({ data }) => (kind === 'hb' ? undefined : { echo: Buffer.from(data).toString('utf8') }),
      );
    }
    await responder.flush();
    const outcomes = [];
    for (const forgery of forgeries(cast)) outcomes.push(await runForgery(stage, witness, forgery));
    expect(outcomes.length).toBeGreaterThanOrEqual(40);
    expect(outcomes.filter(({ forged }) => forged).map(({ forgery }) => forgery.name)).toEqual([]);
    expect(outcomes.filter(({ refused }) => refused === false).map(({ forgery }) => forgery.name)).toEqual(
      [],
    );
    expect(outcomes.filter(({ twin }) => !twin).map(({ forgery }) => forgery.name)).toEqual([]);
    for (const kind of KINDS) expect(dropped).toContain(`reply-foreign ${allAgents(kind)}`);
    await responder.close();
  });

  it('S2: the checker catches a responder that answers wherever it is told to', async () => {
    const naive = await broker.connectWitness();
    open.push(naive);
    naive.subscribe(allAgents('ev'), { callback: (_error, message) => void message.respond(message.data) });
    await naive.flush();
    const replies = forgeries(cast).filter(
      (forgery) => forgery.kind === 'reply' && forgery.subject.endsWith('.ev'),
    );
    const caught = [];
    for (const forgery of replies) {
      const outcome = await runForgery(stage, witness, forgery);
      if (outcome.forged) caught.push(forgery.name);
    }
    expect(caught.length).toBeGreaterThanOrEqual(6);
    await naive.close();
  });

  it('S2: the checker catches an agent that is bound by nothing', async () => {
    const unbound: Stage = { ...stage, forger: await broker.connectWitness() };
    open.push(unbound.forger);
    const missed = [];
    for (const forgery of forgeries(cast).filter(({ kind }) => kind !== 'reply')) {
      const { forged, refused } = await runForgery(unbound, witness, forgery);
      if (!forged && refused) missed.push(forgery.name);
    }
    expect(missed).toEqual([]);
  });
});
