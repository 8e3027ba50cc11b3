import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '@keyfleet/platform';
import { renderExternalConfig } from './authority/external-config.js';
import { initialise } from './authority/initialise.js';

const USAGE = `node apps/registry/dist/init.js --directory DIR [options]

Makes the keys of an installation in DIR/authority, the credentials of its services in DIR/services and the broker's
configuration in DIR/nats. Running it again keeps every key and refreshes what has aged.

  --nats-port N         client port of the broker (default 4222; -1 lets the broker choose)
  --nats-host ADDRESS   where the broker listens (default 127.0.0.1)
  --nats-monitor-port N where the broker says, on loopback, that it is well (default nowhere)
  --nats-name NAME      a further name or address of the broker for its certificate; may be given several times
  --gateway-name NAME   a name or address agents reach the gateway by: a certificate for HTTPS is made; several times
  --print-nats-config   print what an external NATS must load, and change nothing`;

const { values } = parseArgs({
  options: {
    directory: { type: 'string' },
    'nats-port': { type: 'string', default: '4222' },
    'nats-host': { type: 'string' },
    'nats-monitor-port': { type: 'string' },
    'nats-name': { type: 'string', multiple: true },
    'gateway-name': { type: 'string', multiple: true },
    'print-nats-config': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function fail(message: string): never {
  process.stderr.write(`${message}\n\n${USAGE}\n`);
  process.exit(1);
}

const natsPort = Number(values['nats-port']);
const monitorPort =
  values['nats-monitor-port'] === undefined ? undefined : Number(values['nats-monitor-port']);

if (values.help) {
  process.stdout.write(`${USAGE}\n`);
} else if (!values.directory) {
  fail('--directory is missing.');
} else if (!Number.isInteger(natsPort) || natsPort < -1 || natsPort > 65_535 || natsPort === 0) {
  fail('--nats-port takes a port number or -1.');
} else if (
  monitorPort !== undefined &&
  !(Number.isInteger(monitorPort) && monitorPort > 0 && monitorPort <= 65_535)
) {
  fail('--nats-monitor-port takes a port number.');
} else if (values['print-nats-config']) {
  const port = natsPort === -1 ? undefined : natsPort;
  process.stdout.write(renderExternalConfig(join(values.directory, 'authority'), { port }));
} else {
  const { installation } = await initialise({
    directory: values.directory,
    clock: systemClock,
    natsPort,
    natsHost: values['nats-host'],
    natsMonitorPort: monitorPort,
    natsNames: values['nats-name'],
    gatewayNames: values['gateway-name'],
  });
  process.stdout.write(
    `${JSON.stringify({ installationId: installation.id, account: installation.account })}\n`,
  );
}
