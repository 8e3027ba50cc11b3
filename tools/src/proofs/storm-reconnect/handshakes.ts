import { join } from 'node:path';
import { newNkeySeed, nkeySigner } from '@keyfleet/crypto';
import { agentUserJwt, type BrokerIdentity } from '@keyfleet/messaging';
import { newId } from '@keyfleet/platform';
import type { Stack } from '../../e2e/stack.js';
import { BrokerAccess } from '../broker/broker-access.js';

const AT_ONCE = 16;
const HOUR_MS = 3_600_000;

/**
 * Connections over mutual TLS, with an agent's credential, that this machine takes in a second: broker and client
 * included, one process of clients, as the simulated agents are. What comes after is judged by it.
 */
export async function measureHandshakes(stack: Stack, count: number): Promise<number> {
  const broker = new BrokerAccess(join(stack.directory, '.keyfleet'), stack.run.nats.url);
  const agentId = newId('agt');
  const identity = await agentIdentity(broker, agentId, stack.run.orgs[0]?.id ?? '');
  const open = () =>
    broker.connect({ identity: () => identity, name: agentId, inboxPrefix: `_INBOX.${agentId}` });
  const connections: Awaited<ReturnType<typeof open>>[] = [];
  let left = count;
  const began = performance.now();
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      connections.push(await open());
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const seconds = (performance.now() - began) / 1_000;
  await Promise.all(connections.map((connection) => connection.close()));
  return Math.round(count / seconds);
}

async function agentIdentity(broker: BrokerAccess, agentId: string, orgId: string): Promise<BrokerIdentity> {
  const seed = newNkeySeed();
  const { nkey } = nkeySigner(seed);
  const user = { orgId, agentId, nkey, certificateKeyId: '0'.repeat(64), expiresAt: Date.now() + HOUR_MS };
  const jwt = await agentUserJwt({ account: broker.account, agentsSeed: broker.signer('agents') }, user);
  const { certificate, privateKey, trustBundle } = broker.serviceIdentity('registry')();
  return { jwt, seed, certificate, privateKey, trustBundle };
}
