import { serviceInbox } from '@keyfleet/contracts/messages';
import {
  assertBrokerVersion,
  type BrokerOptions,
  brokerVersion,
  connectNats,
  identityFromFiles,
} from '@keyfleet/messaging';
import type { NatsConnection } from '@nats-io/transport-node';
import type { NotifyConfig } from './config.js';

/** Waits for the broker, for ever. Throws at once where credentials are missing or production meets an unsafe broker. */
export async function connectBroker(
  nats: NotifyConfig['nats'],
  onBroker?: BrokerOptions['onBroker'],
): Promise<NatsConnection> {
  const { credentialsFile, certFile: certificateFile, keyFile, caFile } = nats;
  const identity = identityFromFiles({ credentialsFile, certificateFile, keyFile, caFile });
  identity();
  const connection = await connectNats({
    servers: nats.url,
    identity,
    inboxPrefix: serviceInbox('notify'),
    name: 'notify',
    waitOnFirstConnect: true,
    onBroker,
  });
  const production = process.env.NODE_ENV === 'production';
  assertBrokerVersion(brokerVersion(connection), { production, allowUnsafe: nats.allowUnsafeVersion });
  return connection;
}
