import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { issueServerCertificate } from '@keyfleet/crypto';
import { waitFor } from '@keyfleet/testing';
import { connectNats, type ShownBroker } from '../connection.js';
import { TestBroker } from '../testing/test-broker.js';

let broker: TestBroker;

beforeAll(async () => {
  broker = await TestBroker.start();
  await broker.push();
});

afterAll(() => broker.stop());

async function renew(validForMs: number): Promise<void> {
  const names = ['127.0.0.1', 'localhost'];
  const life = { now: Date.now(), validForMs };
  const issued = await issueServerCertificate(broker.ca, { commonName: 'broker', names, ...life });
  writeFileSync(join(broker.directory, 'server.key'), issued.privateKey);
  writeFileSync(join(broker.directory, 'server.crt'), issued.certificate);
}

it('repro-broker-certificate: a client hears when the certificate the broker shows ends, and a renewed one counts from the connect after the broker took it', async () => {
  const identity = await broker.serviceIdentity('policy');
  const heard: ShownBroker[] = [];
  const connection = await connectNats({
    servers: broker.servers,
    identity: () => identity,
    inboxPrefix: '_INBOX.svc.policy',
    name: 'policy',
    onBroker: (shown) => heard.push(shown),
  });
  const endOfFile = () =>
    new X509Certificate(readFileSync(join(broker.directory, 'server.crt'))).validToDate.getTime();
  const first = endOfFile();
  expect(heard).toEqual([{ connection: 'policy', certificateEndsAt: first }]);
  await renew(7_200_000);
  expect(endOfFile()).toBeGreaterThan(first);
  await broker.restart();
  await waitFor(() => heard.length > 1);
  expect(heard.at(-1)).toEqual({ connection: 'policy', certificateEndsAt: endOfFile() });
  await connection.close();
}, 60_000);
