import {
  agentSubject,
  allAgents,
  type CommandMeta,
  type CommandReply,
  defineCommand,
} from '@keyfleet/contracts/messages';
import { KeyfleetError } from '@keyfleet/kernel';
import { newId } from '@keyfleet/platform';
import { waitFor } from '@keyfleet/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { Controller, type INestApplicationContext, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { z } from 'zod';
import { type CommandClient, createCommandClient } from './command-client.js';
import { handleCommand } from './command-handler.js';
import type { Drop } from './guard.js';
import { AgentContext, GuardedNatsServer } from './guarded-server.js';
import { type TestAgent, TestBroker } from './testing/index.js';

jest.setTimeout(60_000);

const greet = defineCommand(
  'kf.svc.registry.greet',
  z.strictObject({ name: z.string().min(1), secret: z.string().optional() }),
  z.strictObject({ greeting: z.string() }),
);
const misbehave = defineCommand(
  'kf.svc.registry.misbehave',
  z.strictObject({}),
  z.strictObject({ n: z.int() }),
);
const silent = defineCommand('kf.svc.registry.silent', z.strictObject({}), z.strictObject({}));
const absent = defineCommand('kf.svc.registry.absent', z.strictObject({}), z.strictObject({}));

const failures: unknown[] = [];
const done: string[] = [];

@Controller()
class Responder {
  readonly #greet = handleCommand(
    greet,
    async ({ name }, meta) => {
      if (name === 'unknown') throw new KeyfleetError('agent.unknown', { detail: 'No such agent.' });
      if (name === 'busy') throw new KeyfleetError('enrolment.busy', { retryAfterMs: 700 });
      if (name === 'broken') throw new Error('password is hunter2');
      done.push(name);
      return { data: { greeting: `${name} from ${meta.actor}` }, position: '17', revision: '3' };
    },
    { onError: (error) => failures.push(error) },
  );

  @MessagePattern(greet.subject)
  greet(@Payload() message: unknown): Promise<CommandReply> {
    return this.#greet(message);
  }

  @MessagePattern(misbehave.subject)
  misbehave() {
    return { ok: true, data: { n: 'not a number' } };
  }

  @MessagePattern(silent.subject)
  silent() {
    return new Promise(() => {});
  }

  @MessagePattern(allAgents('rpc.sync'))
  sync(@Payload() data: Uint8Array, @Ctx() context: AgentContext) {
    return { from: context.caller, got: Buffer.from(data).toString('utf8') };
  }
}

@Module({ controllers: [Responder] })
class ResponderModule {}

describe('commands between services', () => {
  let broker: TestBroker;
  let app: INestApplicationContext & { close(): Promise<void> };
  let client: CommandClient;
  let gateway: NatsConnection;
  let agent: TestAgent;
  const dropped: string[] = [];
  const listening: string[] = [];
  const meta: CommandMeta = {
    commandId: newId('cmd'),
    actor: newId('usr'),
    orgId: newId('org'),
    correlationId: 'c-1',
  };

  const brokerOptions = async (service: 'gateway' | 'registry') => {
    const identity = await broker.serviceIdentity(service);
    return {
      servers: broker.servers,
      identity: () => identity,
      inboxPrefix: `_INBOX.svc.${service}`,
      name: service,
    };
  };

  beforeAll(async () => {
    broker = await TestBroker.start();
    await broker.push();
    agent = await broker.agent();
    const strategy = new GuardedNatsServer({
      service: 'registry',
      broker: await brokerOptions('registry'),
      onDropped: Object.assign(({ reason, channel }: Drop) => void dropped.push(`${reason} ${channel}`), {
        listening: (channel: string) => void listening.push(channel),
      }),
      gracePeriodMs: 10,
    });
    const microservice = await NestFactory.createMicroservice(ResponderModule, { strategy, logger: false });
    await microservice.listen();
    app = microservice;
    client = createCommandClient(await brokerOptions('gateway'));
    await client.connect();
    gateway = await broker.connectService('gateway');
  });

  afterAll(async () => {
    await client.close();
    await gateway.close();
    await app.close();
    await broker.stop();
  });

  it('repro-first-of-a-counter: says of each channel that it listens to it, before anything is dropped there', () => {
    const channels = [greet.subject, misbehave.subject, silent.subject, allAgents('rpc.sync')];
    expect(listening.sort()).toEqual(channels.sort());
  });

  it('an answer comes back checked, with position and revision', async () => {
    expect(await client.send(greet, { name: 'Ada' }, meta)).toEqual({
      data: { greeting: `Ada from ${meta.actor}` },
      position: '17',
      revision: '3',
    });
  });

  it('a refusal of the service is thrown as the service meant it', async () => {
    await expect(client.send(greet, { name: 'unknown' }, meta)).rejects.toMatchObject({
      code: 'agent.unknown',
      message: 'No such agent.',
    });
    await expect(client.send(greet, { name: 'busy' }, meta)).rejects.toMatchObject({
      code: 'enrolment.busy',
      details: { retryAfterMs: 700 },
    });
  });

  it('a request that does not fit names the places, never the values', async () => {
    const wrong = { name: 5, secret: ['hunter2'], 'a/b': 1 } as unknown as { name: string };
    const error = await client.send(greet, wrong, meta).then(
      () => undefined,
      (thrown: KeyfleetError) => thrown,
    );
    expect(error?.code).toBe('request.invalid');
    expect(error?.details.errors?.map(({ pointer }) => pointer)).toEqual(['/name', '/secret', '']);
    expect(JSON.stringify(error?.details)).not.toContain('hunter2');
    await expect(client.send(greet, { name: 'x' }, { ...meta, actor: '*' })).rejects.toMatchObject({
      code: 'request.malformed',
    });
  });

  it('an error of ours stays ours: the caller gets a code, the log gets the rest', async () => {
    await expect(client.send(greet, { name: 'broken' }, meta)).rejects.toMatchObject({
      code: 'internal.error',
      message: expect.not.stringContaining('hunter2'),
    });
    expect(failures).toHaveLength(1);
  });

  it('an answer of another form than agreed is an error of ours', async () => {
    await expect(client.send(misbehave, {}, meta)).rejects.toMatchObject({ code: 'internal.error' });
  });

  it('a service that does not answer, or is not there, is unavailable; the latter is known at once', async () => {
    await expect(client.send(silent, {}, meta, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'service.unavailable',
    });
    const before = performance.now();
    await expect(client.send(absent, {}, meta, { timeoutMs: 20_000 })).rejects.toMatchObject({
      code: 'service.unavailable',
    });
    expect(performance.now() - before).toBeLessThan(10_000);
  });

  it('S2: a command whose answer should go elsewhere is neither run nor answered, and counted', async () => {
    const before = done.length;
    const packet = (name: string) =>
      JSON.stringify({ pattern: greet.subject, id: '1', data: { meta, data: { name } } });
    const witness = await broker.connectWitness();
    const heard: string[] = [];
    witness.subscribe('>', { callback: (_error, message) => void heard.push(message.subject) });
    await witness.flush();
    // The witness may say anything: this is the guard's wall alone.
    for (const reply of ['_INBOX.svc.notify.a', `_INBOX.${agent.agentId}.a`, agentSubject(agent, 'cmd')])
      witness.publish(greet.subject, packet('forged'), { reply });
    witness.publish(greet.subject, packet('forged'));
    witness.publish(greet.subject, 'not json', { reply: '_INBOX.svc.gateway.a' });
    witness.publish(greet.subject, '"text"', { reply: '_INBOX.svc.gateway.a' });
    await witness.flush();
    await client.send(greet, { name: 'twin' }, meta);
    expect(done.slice(before)).toEqual(['twin']);
    await witness.flush();
    expect(
      heard.filter((subject) => subject !== greet.subject && !subject.startsWith('_INBOX.svc.gateway.')),
    ).toEqual([]);
    expect(dropped.filter((entry) => entry === `reply-foreign ${greet.subject}`)).toHaveLength(3);
    expect(dropped).toContain(`reply-missing ${greet.subject}`);
    expect(dropped.filter((entry) => entry === `malformed ${greet.subject}`)).toHaveLength(2);
    await witness.close();
  });

  it('S2: an agent’s request reaches its handler with the agent the broker vouches for, and its answer only the agent', async () => {
    const connection = await broker.connectAgent(agent);
    const subject = agentSubject(agent, 'rpc.sync');
    const answer = await connection.request(subject, 'raw bytes', { timeout: 5_000 });
    expect(answer.json()).toEqual({
      from: { orgId: agent.orgId, agentId: agent.agentId, kind: 'rpc.sync' },
      got: 'raw bytes',
    });
    connection.publish(subject, 'x', { reply: '_INBOX.svc.gateway.abc' });
    await connection.flush();
    await waitFor(() => dropped.includes(`reply-foreign ${allAgents('rpc.sync')}`));
    await connection.close();
  });

  it('S2: a service whose inbox is another’s gets no answer even from the broker', async () => {
    const identity = await broker.serviceIdentity('notify');
    const impostor = createCommandClient({
      servers: broker.servers,
      identity: () => identity,
      inboxPrefix: '_INBOX.svc.gateway',
      name: 'notify',
    });
    await expect(impostor.send(greet, { name: 'impostor' }, meta, { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'service.unavailable',
    });
    expect(done).not.toContain('impostor');
    await impostor.close();
  });

  it('a broker that goes away makes commands unavailable at once, and they work again after its return', async () => {
    await broker.restart({ kill: true });
    await waitFor(() =>
      client.send(greet, { name: 'back' }, meta, { timeoutMs: 500 }).catch(() => undefined),
    );
    expect(done).toContain('back');
  });
});
