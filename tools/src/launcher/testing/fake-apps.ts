import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Answers on its operations port, and ends on SIGTERM and with its launcher like the real ones. */
const SERVICE = `
import { createServer } from 'node:http';
const serve = (port, handler) => createServer(handler).listen(Number(port), '127.0.0.1');
serve(process.env.KEYFLEET_OPERATIONS__PORT, (request, response) => response.writeHead(200).end('{}'));
for (const event of ['SIGTERM', 'disconnect']) process.on(event, () => process.exit(0));
`;

/** Knows the organisations it was set up with by the time it is asked, which may be after it started; lets anybody in with the right password, gives each agent another token, and calls all online that ever enrolled, but for those in a file of revoked ones. */
const GATEWAY = `${SERVICE}
import { existsSync, readdirSync, readFileSync } from 'node:fs';
const read = (file, otherwise) => existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : otherwise;
const enrolled = () => readdirSync('.keyfleet/agents').map((name) => ({ id: read('.keyfleet/agents/' + name + '/link/identity.json', {}).agentId, name }));
const agents = () => enrolled().map((agent) => ({ ...agent, state: read('.keyfleet/fake-revoked.json', []).includes(agent.id) ? 'revoked' : 'online' }));
let tokens = 0;
const orgs = () => JSON.parse(readFileSync('.keyfleet/fake-orgs.json', 'utf8')).map((org) => ({ id: 'org_' + org.split(':')[0], slug: org.split(':')[0] }));
const bodyOf = async (request) => { let text = ''; for await (const chunk of request) text += chunk; return text ? JSON.parse(text) : {}; };
const answers = {
  'POST /api/v1/auth/login': (body) => body.password === readFileSync('.keyfleet/secrets/admin-password', 'utf8').trim() ? [200, {}] : [401, {}],
  'GET /api/v1/orgs': () => [200, { items: orgs() }],
};
serve(process.env.KEYFLEET_HTTP__PORT, async (request, response) => {
  const body = await bodyOf(request);
  const path = request.url.split('?')[0];
  const [, slug, what, id] = /^\\/api\\/v1\\/orgs\\/(\\w+)\\/([\\w-]+)(?:\\/([\\w-]+))?$/.exec(path) ?? [];
  const signedIn = request.headers.cookie === 'keyfleet_session=yes' || path.endsWith('/login');
  let [status, answer] = answers[request.method + ' ' + path]?.(body) ?? [404, {}];
  if (what === 'enrolment-tokens') [status, answer] = [201, { token: 'kfe_' + slug + '_' + process.pid + '_' + tokens++ }];
  if (what === 'agents') [status, answer] = [200, id ? agents().find((agent) => agent.id === id) : { items: agents() }];
  if (!signedIn) [status, answer] = [401, { code: 'auth.required' }];
  response.writeHead(status, { 'set-cookie': 'keyfleet_session=yes; HttpOnly' }).end(JSON.stringify(answer));
});
`;

/** Has its API behind TLS with a key file, and keeps secrets in memory. One that has heard that it is revoked enrols anew only with another token; one that has not is on its way for good. */
const AGENT = `
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
const directory = process.env.KEYFLEET_AGENT__DIRECTORY;
const name = process.env.KEYFLEET_AGENT__NAME;
const token = readFileSync(process.env.KEYFLEET_AGENT__ENROLMENT_TOKEN_FILE, 'utf8').trim();
if (!token.startsWith('kfe_')) process.exit(9);
for (const folder of ['tls', 'link']) mkdirSync(join(directory, folder), { recursive: true });
const identityFile = join(directory, 'link/identity.json');
const known = existsSync(identityFile) && JSON.parse(readFileSync(identityFile, 'utf8'));
const identity = known && !(known.revokedAt && known.token !== token) ? known : { agentId: 'agt_' + name + (known ? '-anew' : ''), token };
writeFileSync(identityFile, JSON.stringify(identity));
const revoked = existsSync('.keyfleet/fake-revoked.json') && JSON.parse(readFileSync('.keyfleet/fake-revoked.json', 'utf8')).includes(identity.agentId);
const state = identity.revokedAt ? 'revoked' : revoked ? 'connecting' : 'connected';
const [key, ca] = [join(directory, 'tls/key.pem'), join(directory, 'tls/ca.pem')];
if (!existsSync(ca)) execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
  '-subj', '/CN=agent', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', ca], { stdio: 'ignore' });
writeFileSync(join(directory, 'admin.key'), 'key-' + name);
const secrets = new Set();
createServer({ key: readFileSync(key), cert: readFileSync(ca) }, (request, response) => {
  const known = request.headers.authorization === 'Bearer key-' + name;
  const path = request.url.split('?')[0];
  if (request.method === 'PUT') secrets.add(path);
  const body = path.endsWith('/status') ? { agentId: identity.agentId, link: { state } } : { items: [...secrets] };
  request.resume().on('end', () => response.writeHead(known ? 200 : 401).end(JSON.stringify(body)));
}).listen(Number(process.env.KEYFLEET_AGENT__PORT), '127.0.0.1');
for (const event of ['SIGTERM', 'disconnect']) process.on(event, () => process.exit(0));
`;

/** Puts its file in place whole: it runs once for each person, while the gateway may be reading. */
const BOOTSTRAP = `
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
const { values } = parseArgs({ options: { email: { type: 'string' }, 'password-file': { type: 'string' }, name: { type: 'string' }, once: { type: 'boolean' }, org: { type: 'string', multiple: true } } });
if (readFileSync(values['password-file'], 'utf8').trim().length < 12) process.exit(1);
writeFileSync('.keyfleet/fake-orgs.json.new', JSON.stringify(values.org));
renameSync('.keyfleet/fake-orgs.json.new', '.keyfleet/fake-orgs.json');
`;

const MIGRATE = `
import { readFileSync } from 'node:fs';
if (!/^postgres:\\/\\/kf_owner:/.test(readFileSync(process.env.KEYFLEET_DATABASE__OWNER_URL_FILE, 'utf8'))) process.exit(1);
`;

const INIT = `
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
const [, directory, , port] = process.argv.slice(2);
mkdirSync(join(directory, 'nats'), { recursive: true });
writeFileSync(join(directory, 'nats', 'nats-server.conf'), 'listen: "127.0.0.1:' + port + '"\\n');
`;

/** A checkout whose apps are small stand-ins: the launcher and the three servers are real. */
export function fakeCheckout(root: string, vendorDirectory: string): void {
  const write = (app: string, entry: string, text: string): void => {
    const dist = join(root, 'apps', app, 'dist');
    mkdirSync(dist, { recursive: true });
    writeFileSync(join(root, 'apps', app, 'package.json'), '{"type":"module"}');
    writeFileSync(join(dist, `${entry}.js`), text);
  };
  write('registry', 'migrate', MIGRATE);
  write('registry', 'init', INIT);
  write('registry', 'bootstrap', BOOTSTRAP);
  for (const service of ['registry', 'policy', 'analytics', 'notify']) write(service, 'main', SERVICE);
  write('gateway', 'main', GATEWAY);
  write('agent', 'main', AGENT);
  mkdirSync(join(root, '.keyfleet'), { recursive: true });
  mkdirSync(vendorDirectory, { recursive: true });
  symlinkSync(vendorDirectory, join(root, '.keyfleet', 'vendor'));
}
