import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AgentPlace } from './agents.js';
import { type Answer, call } from './http.js';

const SECRETS = [
  'payments/stripe/api-key',
  'payments/ledger/db-password',
  'payments/webhooks/signing-key',
  'identity/oidc/client-secret',
  'mail/smtp/password',
  'billing/tax/api-token',
  'storage/backups/age-key',
  'grid/scada/link-key',
];

/** What a workload does: mostly reads, now and then a change, rarely something it may not. */
const MIX: readonly {
  readonly weight: number;
  readonly act: (vault: Vault, path: string) => Promise<Answer>;
}[] = [
  { weight: 90, act: (vault, path) => vault.read(path) },
  { weight: 6, act: (vault, path) => vault.write(path) },
  { weight: 2, act: (vault) => vault.read('payments/none/such') },
  { weight: 2, act: (vault, path) => vault.readAsStranger(path) },
];

/** One agent's API, spoken to as a workload beside it would. */
class Vault {
  readonly #place: AgentPlace;
  readonly #ca: string;
  readonly #key: string;

  constructor(place: AgentPlace) {
    this.#place = place;
    this.#ca = readFileSync(place.caFile, 'utf8');
    this.#key = readFileSync(place.apiKeyFile, 'utf8').trim();
  }

  read(path: string): Promise<Answer> {
    return this.#send('GET', `/secrets/${path}/value`);
  }

  readAsStranger(path: string): Promise<Answer> {
    return this.#send('GET', `/secrets/${path}/value`, undefined, randomBytes(24).toString('base64url'));
  }

  /** A real random value: it is encrypted, audited and journaled like any other, and leaves the agent as little. */
  write(path: string): Promise<Answer> {
    return this.#send('PUT', `/secrets/${path}`, { value: randomBytes(32).toString('base64') });
  }

  async isEmpty(): Promise<boolean> {
    const answer = await this.#send('GET', '/secrets?prefix=');
    const { items } = (answer.body ?? {}) as { items?: unknown[] };
    return answer.status === 200 && items?.length === 0;
  }

  #send(method: 'GET' | 'PUT', path: string, body?: unknown, key = this.#key): Promise<Answer> {
    const headers = { authorization: `Bearer ${key}` };
    return call({
      method,
      url: `${this.#place.url}/api/v1${path}`,
      ca: this.#ca,
      headers,
      body,
      timeoutMs: 5_000,
    });
  }
}

/** Gives a new vault its first secrets. */
export async function seedSecrets(place: AgentPlace): Promise<void> {
  const vault = new Vault(place);
  if (!(await vault.isEmpty())) return;
  for (const path of SECRETS) {
    const answer = await vault.write(path);
    if (answer.status >= 300)
      throw new Error(`${place.demo.name} refused the secret ${path} (${answer.status}).`);
  }
}

/**
 * A trickle of use, about one request a second and agent, until stopped; an agent that is down is left alone. Each is
 * asked one thing at a time: one that hangs would otherwise cost a connection a second.
 */
export function startTraffic(places: readonly AgentPlace[]): () => void {
  const timers = places.map((place) => {
    const vault = new Vault(place);
    let asking = false;
    const ask = async (): Promise<void> => {
      if (asking) return;
      asking = true;
      // One that is down, or too slow to answer, is asked again at the next turn.
      await act(vault).catch(() => undefined);
      asking = false;
    };
    return setInterval(() => void ask(), randomInt(800, 1_200));
  });
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}

async function act(vault: Vault): Promise<void> {
  const path = SECRETS[randomInt(SECRETS.length)] ?? '';
  let left = randomInt(MIX.reduce((sum, { weight }) => sum + weight, 0));
  for (const { weight, act: perform } of MIX) {
    left -= weight;
    if (left < 0) return void (await perform(vault, path));
  }
}
