// Signs in as the first admin and puts an enrolment token where the demo agent looks for it. An agent that is enrolled
// has no use for one.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [gateway, directory, email, passwordFile] = process.argv.slice(2);
if (!existsSync(join(directory, 'link', 'identity.json'))) {
  const cookie = await signIn();
  const [org] = (await ask('GET', '/orgs', { cookie })).body.items;
  const { body } = await ask('POST', `/orgs/${org.slug}/enrolment-tokens`, { cookie, body: {} });
  const part = join(directory, 'enrolment-token.part');
  writeFileSync(part, `${body.token}\n`, { mode: 0o600 });
  renameSync(part, join(directory, 'enrolment-token'));
  console.log(`The demo agent may enrol in ${org.slug}.`);
}

async function signIn() {
  const password = readFileSync(passwordFile, 'utf8').trim();
  const { headers } = await ask('POST', '/auth/login', { body: { email, password } });
  return headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ');
}

async function ask(method, path, { cookie, body }) {
  const answer = await fetch(`${gateway}/api/v1${path}`, {
    method,
    headers: { ...(cookie && { cookie }), ...(body && { 'content-type': 'application/json' }) },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
  return { headers: answer.headers, body: await answer.json() };
}
