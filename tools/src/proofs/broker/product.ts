import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { renewSigningInput } from '@keyfleet/contracts';
import { agentIdentity } from '@keyfleet/contracts/http';
import { createCertificateRequest, nkeySigner } from '@keyfleet/crypto';
import { generateUserSeed, publicKeyOf } from '@keyfleet/messaging';
import { waitFor } from '@keyfleet/testing';
import { Client } from '../../e2e/client.js';
import { Stack } from '../../e2e/stack.js';
import { BrokerAccess, type ProofAgent } from './broker-access.js';

interface Token {
  readonly org: string;
  readonly token: string;
}

/** The whole product as its users start it, with agents enrolled by its public API. */
export class Product {
  readonly broker: BrokerAccess;
  readonly #stack: Stack;
  readonly #client: Client;
  readonly #directory: string;
  readonly #tokens: readonly Token[];
  #count = 0;

  private constructor(parts: { stack: Stack; client: Client; directory: string; tokens: readonly Token[] }) {
    this.#stack = parts.stack;
    this.#client = parts.client;
    this.#directory = parts.directory;
    this.#tokens = parts.tokens;
    this.broker = new BrokerAccess(join(parts.directory, '.keyfleet'), parts.stack.run.nats.url);
  }

  static async start(): Promise<Product> {
    const directory = mkdtempSync(join(tmpdir(), 'keyfleet-proof-product-'));
    const stack = await Stack.start({ directory, agents: 1, traffic: false });
    try {
      const client = await Client.signIn(stack);
      const tokens = await Promise.all(stack.run.orgs.map(({ slug }) => tokenOf(client, slug)));
      const product = new Product({ stack, client, directory, tokens });
      await product.broker.prepare();
      return product;
    } catch (error) {
      await stack.stop();
      throw error;
    }
  }

  /** Enrols with the token of the first or the second organisation. */
  async agent(where: 0 | 1 = 0): Promise<ProofAgent> {
    const { csr, privateKey } = await createCertificateRequest();
    const seed = generateUserSeed();
    const nkey = publicKeyOf(seed);
    this.#count += 1;
    const { token = '' } = this.#tokens[where] ?? {};
    const name = `proof-${this.#count}`;
    const { status, body } = await this.#client.request('POST', '/api/v1/enrol', {
      token,
      name,
      csr,
      nkey,
      agentVersion: '1.0.0',
    });
    if (status >= 300) throw new Error(`enrolment answered ${status}: ${JSON.stringify(body)}`);
    const { agentId, orgId, certificate, jwt, trustBundle, expiresAt } = agentIdentity.parse(body);
    const identity = { certificate, jwt, seed, privateKey, trustBundle: trustBundle.join('') };
    return { orgId, agentId, nkey, expiresAt, identity };
  }

  async revoke({ agentId }: ProofAgent): Promise<void> {
    const { org } = this.#tokens[0] as Token;
    const answer = await this.#client.request('POST', `/api/v1/orgs/${org}/agents/${agentId}/revoke`);
    if (answer.status >= 300)
      throw new Error(`revoking answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  }

  /** The code a renewal over HTTPS is refused with, signed as only the agent can; `undefined` where it is granted. */
  async renewalRefusal({ agentId, nkey, identity }: ProofAgent): Promise<string | undefined> {
    const { csr } = await createCertificateRequest();
    const request = {
      agentId,
      csr,
      nkey,
      at: new Date().toISOString(),
      nonce: `proof-${crypto.randomUUID()}`,
    };
    const signature = nkeySigner(identity.seed).sign(renewSigningInput(request));
    const { status, body } = await this.#client.request('POST', '/api/v1/renew', { ...request, signature });
    return status < 300 ? undefined : (body as { code?: string }).code;
  }

  /** kill -9 of the broker; the launcher brings it back. `empty` takes away everything it was ever told. */
  async restartBroker(options: { readonly empty?: boolean } = {}): Promise<void> {
    const { pid } = this.#stack.run.nats;
    if (options.empty) this.broker.emptyClaims();
    process.kill(pid, 'SIGKILL');
    await waitFor(() => this.#stack.run.nats.pid !== pid, { ceilingMs: 30_000 });
  }

  async stop(): Promise<void> {
    await this.#stack.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

async function tokenOf(client: Client, org: string): Promise<Token> {
  const answer = await client.request('POST', `/api/v1/orgs/${org}/enrolment-tokens`, { uses: 1_000 });
  if (answer.status !== 201)
    throw new Error(`a token answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return { org, token: (answer.body as { token: string }).token };
}
