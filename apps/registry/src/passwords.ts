import { parseArgs } from 'node:util';
import { makePasswords } from './passwords/passwords.js';

const USAGE = `node apps/registry/dist/passwords.js --directory DIR --postgres HOST:PORT --redis HOST:PORT --event-store URL

Makes the passwords of servers that run beside the services (docker-compose.yml), and the addresses each process signs
in by, in a folder for each under DIR. Running it again keeps every password.

  --database NAME       default keyfleet`;

const { values } = parseArgs({
  options: {
    directory: { type: 'string' },
    postgres: { type: 'string' },
    redis: { type: 'string' },
    'event-store': { type: 'string' },
    database: { type: 'string', default: 'keyfleet' },
    help: { type: 'boolean', default: false },
  },
});
const { directory, postgres, redis, 'event-store': eventStoreUrl, database } = values;

if (values.help) {
  process.stdout.write(`${USAGE}\n`);
} else if (!directory || !postgres || !redis || !eventStoreUrl) {
  process.stderr.write(`Something is missing.\n\n${USAGE}\n`);
  process.exitCode = 1;
} else {
  makePasswords({ directory, postgres, redis, eventStoreUrl, database });
}
