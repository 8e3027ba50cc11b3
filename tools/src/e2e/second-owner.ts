import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Stack } from './stack.js';

export interface Person {
  readonly email: string;
  readonly password: string;
}

/** Another person who owns an organisation of the demo: the installation's own tool makes them, beside its services. */
export function addOwner({ directory }: Stack, org: { slug: string; name: string }): Person {
  const person = { email: `second@${org.slug}.example`, password: 'the password of somebody else' };
  const passwordFile = join(directory, `second-password-${org.slug}`);
  writeFileSync(passwordFile, person.password, { mode: 0o600 });
  const databases = ['store', 'worker', 'identity'].map((role) => [
    `KEYFLEET_DATABASE__${role.toUpperCase()}_URL_FILE`,
    join(directory, '.keyfleet/secrets', `database-kf_${role}-url`),
  ]);
  const done = spawnSync(
    process.execPath,
    [
      join(directory, 'apps/registry/dist/bootstrap.js'),
      ...['--email', person.email, '--name', 'Second', '--password-file', passwordFile],
      ...['--org', `${org.slug}:${org.name}`],
    ],
    { env: { ...process.env, ...Object.fromEntries(databases) }, encoding: 'utf8' },
  );
  if (done.status !== 0) throw new Error(`No second owner: ${done.stderr}`);
  return person;
}
