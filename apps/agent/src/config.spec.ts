import { loadConfig } from '@keyfleet/platform';
import { agentConfig } from './config.js';

const load = (env: Record<string, string>) =>
  loadConfig(agentConfig, {
    argv: [],
    env: { KEYFLEET_AGENT__DIRECTORY: '/d', KEYFLEET_AGENT__NAME: 'site-7', ...env },
  }).value;

describe('the configuration of an agent', () => {
  it('needs a directory and a name, and has a default for everything else', () => {
    expect(load({})).toEqual({
      agent: {
        directory: '/d',
        name: 'site-7',
        host: '127.0.0.1',
        port: 0,
        serverNames: [],
        labels: {},
        hashSecretNames: false,
        maxConnections: 1_000,
        audit: { days: 365, lines: 2_000_000 },
      },
      operations: { host: '127.0.0.1', port: 0 },
      log: { level: 'info' },
      parentWatch: 'ipc',
      tracing: { ratio: 1 },
    });
  });

  it('is read from the environment', () => {
    const config = load({
      KEYFLEET_AGENT__PORT: '8443',
      KEYFLEET_AGENT__LABELS: 'env=prod, region=eu',
      KEYFLEET_AGENT__CONTROL_PLANE_URL: 'https://keyfleet.example',
      KEYFLEET_AGENT__ENROLMENT_TOKEN_FILE: '/run/token',
      KEYFLEET_AGENT__HASH_SECRET_NAMES: 'true',
      KEYFLEET_AGENT__SERVER_NAMES: 'vault.example,10.0.0.5',
      KEYFLEET_AGENT__AUDIT__DAYS: '30',
      KEYFLEET_AGENT__MAX_CONNECTIONS: '50',
      KEYFLEET_OPERATIONS__PORT: '9000',
      KEYFLEET_PARENT_WATCH: 'stdin',
    });
    expect(config.agent).toMatchObject({
      port: 8443,
      labels: { env: 'prod', region: 'eu' },
      controlPlaneUrl: 'https://keyfleet.example',
      enrolmentTokenFile: '/run/token',
      hashSecretNames: true,
      serverNames: ['vault.example', '10.0.0.5'],
      audit: { days: 30 },
      maxConnections: 50,
    });
    expect([config.operations.port, config.parentWatch]).toEqual([9_000, 'stdin']);
  });

  it('takes labels as JSON as well', () => {
    expect(load({ KEYFLEET_AGENT__LABELS: '{"env":"prod"}' }).agent.labels).toEqual({ env: 'prod' });
    expect(load({ KEYFLEET_AGENT__LABELS: '' }).agent.labels).toEqual({});
  });

  it.each([
    ['KEYFLEET_AGENT__LABELS', 'env'],
    ['KEYFLEET_AGENT__LABELS', '{"env":'],
    ['KEYFLEET_AGENT__LABELS', 'ENV=prod'],
    ['KEYFLEET_AGENT__NAME', 'Not A Name'],
    ['KEYFLEET_AGENT__PORT', '99999'],
    ['KEYFLEET_AGENT__CONTROL_PLANE_URL', 'ftp://x'],
    ['KEYFLEET_AGENT__COLOUR', 'red'],
  ])('refuses %s=%s', (name, value) => {
    expect(() => load({ [name]: value })).toThrow(/configuration/);
  });
});
