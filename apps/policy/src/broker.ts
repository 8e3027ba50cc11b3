import { serviceInbox } from '@keyfleet/contracts/messages';
import {
  assertBrokerVersion,
  type BrokerOptions,
  brokerVersion,
  connectNats,
  identityFromFiles,
} from '@keyfleet/messaging';
import type { NatsConnection } from '@nats-io/transport-node';
import type { PolicyConfig } from './config.js';

/** Throws at once where credentials are missing; later on, a client would wait for them for ever. */
export function brokerOptions(nats: PolicyConfig['nats'], name = 'policy'): BrokerOptions {
  const { credentialsFile, certFile: certificateFile, keyFile, caFile } = nats;
  const identity = identityFromFiles({ credentialsFile, certificateFile, keyFile, caFile });
  identity();
  return {
    ...{ servers: nats.url, identity, inboxPrefix: serviceInbox('policy'), name },
    waitOnFirstConnect: true,
  };
}

/** Waits for the broker, for ever. Throws at once where production meets an unsafe broker. */
export async function connectBroker(
  nats: PolicyConfig['nats'],
  onBroker?: BrokerOptions['onBroker'],
): Promise<NatsConnection> {
  const connection = await connectNats({ ...brokerOptions(nats), onBroker });
  const production = process.env.NODE_ENV === 'production';
  assertBrokerVersion(brokerVersion(connection), { production, allowUnsafe: nats.allowUnsafeVersion });
  return connection;
}
