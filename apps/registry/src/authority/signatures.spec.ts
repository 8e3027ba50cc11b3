import { join } from 'node:path';
import { RESPONDER_OPTIONS } from '@keyfleet/command-handling';
import { manifestLines, manifestSigningInput } from '@keyfleet/contracts';
import { signTexts } from '@keyfleet/contracts/messages';
import { verifyNkeySignature } from '@keyfleet/crypto';
import { createCommandClient, GuardedNatsServer, type Service } from '@keyfleet/messaging';
import { TestBroker } from '@keyfleet/messaging/testing';
import { newId, systemClock } from '@keyfleet/platform';
import { temporaryDirectory } from '@keyfleet/testing';
import { type INestApplicationContext, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { metaOf } from '../testing/stage.js';
import { Authority } from './authority.js';
import { AuthorityNats } from './authority.nats.js';
import { readAuthorityKeys } from './files.js';
import { initialise } from './initialise.js';
import type { RevocationTable } from './revocations.js';
import { Signatures } from './signatures.js';

jest.setTimeout(60_000);

let broker: TestBroker;
let authority: Authority;
let app: INestApplicationContext & { close(): Promise<void> };

async function optionsOf(service: Service) {
  const identity = await broker.serviceIdentity(service);
  const { servers } = broker;
  return { servers, identity: () => identity, inboxPrefix: `_INBOX.svc.${service}`, name: service };
}

beforeAll(async () => {
  broker = await TestBroker.start();
  const directory = temporaryDirectory('installation');
  await initialise({ directory, clock: systemClock, natsPort: 4222 });
  authority = await Authority.create({
    keys: readAuthorityKeys(join(directory, 'authority')),
    revocations: {} as RevocationTable,
    reconciler: { enforce: async () => 'same' },
    brokerUrls: [],
    clock: systemClock,
  });
  @Module({
    controllers: [AuthorityNats],
    providers: [
      { provide: Signatures, useFactory: () => new Signatures(authority) },
      { provide: RESPONDER_OPTIONS, useValue: { onError: () => {}, translate: (error: unknown) => error } },
    ],
  })
  class Signing {}
  const strategy = new GuardedNatsServer({ service: 'registry', broker: await optionsOf('registry') });
  const microservice = await NestFactory.createMicroservice(Signing, { strategy, logger: false });
  await microservice.listen();
  app = microservice;
});

afterAll(async () => {
  await app?.close();
  await broker?.stop();
});

async function as<T>(
  service: Service,
  work: (client: ReturnType<typeof createCommandClient>) => Promise<T>,
): Promise<T> {
  const client = createCommandClient(await optionsOf(service));
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

const manifest = (version: number) => ({
  ...{ orgId: newId('org'), agentId: newId('agt'), version, hash: 'a'.repeat(64), bytes: 3 },
  issuedAt: '2026-01-01T00:00:00.000Z',
});

describe('signatures for the policy service', () => {
  it('are made for a thousand manifests in one request, by the key agents pin', async () => {
    const manifests = Array.from({ length: 1_000 }, (_, n) => manifest(n + 1));
    const { data } = await as('policy', (client) =>
      client.send(
        signTexts,
        { purpose: 'keyfleet.manifest.v1', texts: manifests.map(manifestLines) },
        metaOf({ actor: 'svc_policy' }),
      ),
    );
    expect(authority.commandKeys()).toEqual([data.key]);
    const wrong = manifests.filter(
      (one, index) =>
        !verifyNkeySignature(data.key, manifestSigningInput(one), data.signatures[index] as string),
    );
    expect([data.signatures.length, wrong]).toEqual([1_000, []]);
  });

  it('are of one purpose, and of lines that cannot be taken for others', async () => {
    await as('policy', async (client) => {
      const ask = (purpose: string, line: string) =>
        client.send(signTexts, { purpose: purpose as never, texts: [[line]] }, metaOf());
      const { data } = await ask('keyfleet.convergence.v1', 'line');
      const signature = data.signatures[0] as string;
      expect(verifyNkeySignature(data.key, 'keyfleet.convergence.v1\nline', signature)).toBe(true);
      await expect(ask('keyfleet.manifest.v1', 'two\nlines')).rejects.toMatchObject({
        code: 'request.invalid',
      });
      for (const purpose of ['keyfleet.command.v1', 'keyfleet.checkpoint.v1'])
        await expect(ask(purpose, 'line')).rejects.toMatchObject({ code: 'request.invalid' });
    });
  });

  it('are not had by any other service: the broker does not let the question through', async () => {
    for (const service of ['gateway', 'analytics', 'notify'] as const)
      await as(service, async (client) => {
        const asked = client.send(
          signTexts,
          { purpose: 'keyfleet.manifest.v1', texts: [['line']] },
          metaOf(),
          { timeoutMs: 1_000 },
        );
        await expect(asked).rejects.toMatchObject({ code: 'service.unavailable' });
      });
  });
});
