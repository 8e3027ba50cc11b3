import type { BrokerIdentity } from '@keyfleet/messaging';
import type { IdentityStore } from './store.js';

/** What the agent shows the broker: its identity of this moment. Throws where it has none. */
export function brokerIdentity(store: IdentityStore): BrokerIdentity {
  const identity = store.current;
  if (!identity) throw new Error('unenrolled');
  const { jwt, certificate, privateKey, trustBundle } = identity;
  return { jwt, certificate, privateKey, trustBundle: trustBundle.join('\n'), seed: store.key.seed };
}
