import { type ChildProcess, fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AgentEnrolled, make } from '@keyfleet/contracts/events';
import { newNkeySeed, nkeySigner } from '@keyfleet/crypto';
import type { EventStore, StreamAppend } from '@keyfleet/event-store';
import { agentUserJwt, type BrokerIdentity } from '@keyfleet/messaging';
import { newId } from '@keyfleet/platform';
import { BrokerAccess } from '../broker/broker-access.js';
import type { Mortals } from './mortals.js';

const HOUR = 3_600_000;
const ENROL_AT_ONCE = 1_000;

/** What the process of the agents reads at its start. */
export interface MintedAgents {
  readonly servers: readonly string[];
  readonly tls: Pick<BrokerIdentity, 'certificate' | 'privateKey' | 'trustBundle'>;
  readonly reconnectWindowMs: number;
  readonly agents: readonly {
    readonly agentId: string;
    readonly orgId: string;
    readonly jwt: string;
    readonly seed: string;
  }[];
}

export interface AgentsCommand {
  readonly id: number;
  readonly kind: 'connect' | 'die';
  readonly indexes: readonly number[];
}

export interface MintOptions {
  readonly directory: string;
  readonly natsUrl: string;
  readonly store: EventStore;
  readonly orgIds: readonly string[];
  readonly count: number;
  readonly factor: number;
  readonly reconnectWindowMs: number;
}

/**
 * Agents enrolled by the harness itself, with the installation's own keys: each has its own connection and credential,
 * and a heart. Killing one closes its socket, as the system does for a process that dies.
 */
export class ProofAgents implements Mortals {
  readonly kind = 'hearts';
  readonly ids: readonly string[];
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(at: number): void; reject(error: Error): void }>();
  #last = 0;

  private constructor(ids: readonly string[], child: ChildProcess) {
    this.ids = ids;
    this.#child = child;
    child.on('message', ({ id, at }: { id: number; at: number }) => {
      this.#waiting.get(id)?.resolve(at);
      this.#waiting.delete(id);
    });
    child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('The process of the agents ended.'));
    });
  }

  static async enrol(options: MintOptions): Promise<ProofAgents> {
    const { directory, natsUrl, store, orgIds, count, factor } = options;
    const broker = new BrokerAccess(join(directory, '.keyfleet'), natsUrl);
    const signer = { account: broker.account, agentsSeed: broker.signer('agents') };
    const agents: MintedAgents['agents'][number][] = [];
    const enrolments: StreamAppend[] = [];
    for (let index = 0; index < count; index += 1) {
      const [agentId, orgId, seed] = [newId('agt'), orgIds[index % orgIds.length] ?? '', newNkeySeed()];
      const { nkey } = nkeySigner(seed);
      const user = { orgId, agentId, nkey, certificateKeyId: '0'.repeat(64), expiresAt: Date.now() + HOUR };
      agents.push({ agentId, orgId, seed, jwt: await agentUserJwt(signer, user) });
      enrolments.push(enrolment({ agentId, orgId, nkey }));
    }
    for (let from = 0; from < count; from += ENROL_AT_ONCE)
      await store.appendBatch(enrolments.slice(from, from + ENROL_AT_ONCE));
    const { certificate, privateKey, trustBundle } = broker.serviceIdentity('registry')();
    const minted: MintedAgents = {
      ...{ servers: [natsUrl], reconnectWindowMs: options.reconnectWindowMs, agents },
      tls: { certificate, privateKey, trustBundle },
    };
    const file = join(directory, 'agents.json');
    writeFileSync(file, JSON.stringify(minted), { mode: 0o600 });
    const child = fork(join(process.cwd(), 'tools/dist/proofs/liveness/agents-process.js'), [], {
      env: {
        ...process.env,
        KEYFLEET_PROOF_AGENTS: file,
        KEYFLEET_TEST_TIME_FACTOR: String(factor),
      },
    });
    return new ProofAgents(
      agents.map(({ agentId }) => agentId),
      child,
    );
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async connectFirst(): Promise<void> {
    await this.#tell(
      'connect',
      this.ids.map((_, index) => index),
    );
  }

  async revive(indexes: readonly number[]): Promise<void> {
    await this.#tell('connect', indexes);
  }

  kill(indexes: readonly number[]): Promise<number> {
    return this.#tell('die', indexes);
  }

  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
  }

  #tell(kind: AgentsCommand['kind'], indexes: readonly number[]): Promise<number> {
    this.#last += 1;
    const command: AgentsCommand = { id: this.#last, kind, indexes };
    return new Promise((resolve, reject) => {
      this.#waiting.set(command.id, { resolve, reject });
      this.#child.send(command);
    });
  }
}

function enrolment(agent: { agentId: string; orgId: string; nkey: string }): StreamAppend {
  const { agentId, orgId, nkey } = agent;
  const fact = make(AgentEnrolled, {
    ...{ agentId, nkey, name: `site-${agentId.slice(-8)}`, labels: {}, version: '1.0.0', serial: '01' },
    tokenId: newId('etk'),
    certificateExpiresAt: new Date(Date.now() + 24 * HOUR).toISOString(),
  });
  const metadata = { orgId, actor: agentId, at: new Date().toISOString() };
  return {
    stream: `agent-${agentId}`,
    expectedRevision: 'no-stream',
    events: [{ ...fact, id: newId('evt'), metadata }],
  };
}
