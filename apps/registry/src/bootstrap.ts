import { parseArgs } from 'node:util';
import { displayName, secret, slug } from '@keyfleet/contracts';
import { email } from '@keyfleet/contracts/http';
import { openEventStore } from '@keyfleet/event-store/open';
import { loadConfig, systemClock } from '@keyfleet/platform';
import { closeSql, createSql } from '@keyfleet/postgres';
import { waitForMigrations } from '@keyfleet/read-store';
import { z } from 'zod';
import { bootstrap } from './bootstrap/bootstrap.js';
import {
  authoritySettings,
  databaseSettings,
  enrolmentSettings,
  eventStoreSettings,
  natsSettings,
  operationsSettings,
  replicaSettings,
  sessionLimits,
  sessionSettings,
} from './config.js';
import { REGISTRY_MIGRATIONS } from './database/migration-sets.js';
import { createIdentity } from './identity/identity.js';

const USAGE = `node apps/registry/dist/bootstrap.js --email ADDRESS --password-file FILE --org SLUG:NAME [--org …]

Makes the first user of an installation and the organisations they own, and prints their ids as JSON. Running it again
changes nothing. Reads the registry's own settings for the database.

  --name NAME         how the user is called (default Administrator)
  --once              change nothing about a user who was made before, whatever became of them
  --reset-password    give a user who is known the password of the file, and end their sessions`;

const organisation = z
  .string()
  .transform((text) => {
    const at = text.indexOf(':');
    return at < 0 ? { slug: text, name: text } : { slug: text.slice(0, at), name: text.slice(at + 1) };
  })
  .pipe(z.strictObject({ slug, name: displayName }));

/** The registry's settings, so that it runs in the registry's environment; of these it needs the database alone. */
const bootstrapConfig = z.strictObject({
  database: databaseSettings,
  eventStore: eventStoreSettings,
  nats: natsSettings.optional(),
  authority: authoritySettings.optional(),
  operations: operationsSettings,
  session: sessionSettings,
  enrolment: enrolmentSettings,
  replica: replicaSettings,
  bootstrap: z.strictObject({
    email,
    password: secret(z.string().min(12).max(1_024)),
    name: displayName.default('Administrator'),
    orgs: z.array(organisation).min(1),
    once: z.stringbool().or(z.boolean()).default(false),
    resetPassword: z.stringbool().or(z.boolean()).default(false),
  }),
});

/** Flags become the settings they stand for. */
function environment(): NodeJS.ProcessEnv {
  const { values } = parseArgs({
    options: {
      email: { type: 'string' },
      'password-file': { type: 'string' },
      name: { type: 'string' },
      org: { type: 'string', multiple: true },
      once: { type: 'boolean' },
      'reset-password': { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    process.exit(0);
  }
  const given = {
    EMAIL: values.email,
    PASSWORD_FILE: values['password-file'],
    NAME: values.name,
    ORGS: values.org && JSON.stringify(values.org),
    ONCE: values.once ? 'true' : undefined,
    RESET_PASSWORD: values['reset-password'] ? 'true' : undefined,
  };
  const settings = Object.entries(given).filter(([, value]) => value !== undefined);
  return {
    ...process.env,
    ...Object.fromEntries(settings.map(([name, value]) => [`KEYFLEET_BOOTSTRAP__${name}`, value])),
  };
}

const { value: config } = loadConfig(bootstrapConfig, { argv: [], env: environment() });
const { database, bootstrap: first } = config;
const worker = createSql({ url: database.workerUrl, applicationName: 'keyfleet-bootstrap', max: 1 });
const sql = createSql({ url: database.identityUrl, applicationName: 'keyfleet-bootstrap', max: 2 });
const store = await openEventStore({
  ...config.eventStore,
  databaseUrl: database.storeUrl,
  name: 'keyfleet-bootstrap',
});
try {
  const signal = AbortSignal.timeout(60_000);
  await waitForMigrations({ sql: worker, sets: REGISTRY_MIGRATIONS, signal });
  const clock = systemClock;
  const identity = createIdentity({ sql, clock, store, limits: sessionLimits(config.session) });
  const done = await bootstrap({ identity, store, clock }, first);
  process.stdout.write(`${JSON.stringify(done)}\n`);
} finally {
  await store.close();
  await Promise.all([closeSql(sql), closeSql(worker)]);
}
