import { loadConfig } from '@keyfleet/platform';
import { gatewayConfig } from './config.js';

const load = (brokers: string) =>
  loadConfig(gatewayConfig, {
    argv: [],
    env: {
      KEYFLEET_DATABASE__AUTH_URL: 'postgres://kf_auth@db/keyfleet',
      KEYFLEET_DATABASE__READER_URL: 'postgres://kf_reader@db/keyfleet',
      KEYFLEET_REDIS__URL: 'redis://redis:6379',
      KEYFLEET_NATS__URL: brokers,
      KEYFLEET_NATS__CREDENTIALS_FILE: '/d/nats.creds',
      KEYFLEET_NATS__CA_FILE: '/d/ca.crt',
      KEYFLEET_NATS__CERT_FILE: '/d/tls.crt',
      KEYFLEET_NATS__KEY_FILE: '/d/tls.key',
      KEYFLEET_CURSOR__SECRET: 's'.repeat(32),
    },
  }).value;

describe('the configuration of the gateway', () => {
  it('repro-gateway-brokers: takes the list of brokers that every other service takes', () => {
    expect(load('tls://one:4222, tls://two:4222').nats.url).toEqual(['tls://one:4222', 'tls://two:4222']);
    expect(load('tls://one:4222').nats.url).toEqual(['tls://one:4222']);
  });

  it('refuses to be without a broker', () => {
    for (const none of ['', ' , ']) expect(() => load(none)).toThrow(/nats/);
  });
});
