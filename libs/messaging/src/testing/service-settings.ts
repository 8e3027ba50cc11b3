import type { Service } from '../broker/services.js';
import type { TestBroker } from './test-broker.js';

/** What a service is told of the broker: environment variables; those that end with `_FILE` are the files' contents. */
export async function serviceSettings(broker: TestBroker, service: Service): Promise<Record<string, string>> {
  const { jwt, seed, certificate, privateKey, trustBundle } = await broker.serviceIdentity(service);
  return {
    KEYFLEET_NATS__URL: broker.servers.join(','),
    KEYFLEET_NATS__CREDENTIALS_FILE: [
      '-----BEGIN NATS USER JWT-----',
      jwt,
      '------END NATS USER JWT------',
      '',
      '-----BEGIN USER NKEY SEED-----',
      seed,
      '------END USER NKEY SEED------',
      '',
    ].join('\n'),
    KEYFLEET_NATS__CERT_FILE: certificate,
    KEYFLEET_NATS__KEY_FILE: privateKey,
    KEYFLEET_NATS__CA_FILE: trustBundle,
  };
}
