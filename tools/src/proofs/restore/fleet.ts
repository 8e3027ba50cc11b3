import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keyfleet/testing';
import Database from 'better-sqlite3';
import { askAgent } from '../../e2e/client.js';
import { Admin } from '../../launcher/admin.js';
import { type DemoAgentProcess, placeAgents } from '../../launcher/agents.js';
import { Layout } from '../../launcher/layout.js';
import { Ports } from '../../launcher/ports.js';

export interface FleetOptions {
  readonly directory: string;
  readonly gatewayUrl: string;
  readonly admin: { readonly email: string; readonly password: string };
}

const CEILING_MS = 180_000;

/** Real agents that live apart from the control plane, as they do in the field: it may be stopped under them. */
export class LiveFleet {
  readonly agents: DemoAgentProcess[] = [];
  readonly #layout: Layout;
  readonly #ports: Ports;
  readonly #admin: Admin;
  readonly #options: FleetOptions;
  readonly #stop = new AbortController();
  #writing: AbortController | undefined;
  #writers: Promise<unknown> = Promise.resolve();
  writes = 0;

  constructor(options: FleetOptions) {
    this.#options = options;
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    const apps = join(options.directory, 'apps');
    if (!existsSync(apps)) symlinkSync(join(process.cwd(), 'apps'), apps);
    this.#layout = new Layout(options.directory);
    this.#ports = new Ports(this.#layout.in('ports.json'));
    this.#admin = new Admin(options.gatewayUrl, options.admin.email, options.admin.password);
  }

  /** Enrolled and connected. */
  async add(count: number): Promise<DemoAgentProcess[]> {
    const from = this.agents.length;
    const demos = Array.from({ length: count }, (_, n) => ({
      name: `site-${from + n}`,
      org: 'acme',
      labels: { site: `s${from + n}` },
    }));
    const added = await placeAgents(demos, this.#ports, {
      layout: this.#layout,
      admin: this.#admin,
      gatewayUrl: this.#options.gatewayUrl,
      signal: this.#stop.signal,
      onEvent: () => {},
    });
    for (const agent of added) {
      await agent.supervised.start();
      await waitFor(() => agent.connectedId(), { ceilingMs: CEILING_MS, what: 'an agent to be connected' });
    }
    this.agents.push(...added);
    return added;
  }

  idOf = async (agent: DemoAgentProcess): Promise<string> => {
    const answer = await askAgent(agent.place, 'GET', '/status');
    return (answer.body as { agentId: string }).agentId;
  };

  /** All of them write secrets, whether or not anybody hears of it, until `rest`. */
  write(pauseMs: number): void {
    const writing = new AbortController();
    this.#writing = writing;
    const one = async (agent: DemoAgentProcess): Promise<void> => {
      while (!writing.signal.aborted) {
        const path = `/secrets/proof/restore/${(this.writes += 1)}`;
        const value = Buffer.from(`value ${this.writes}`).toString('base64');
        // An agent that is being stopped does not answer; the others go on.
        await askAgent(agent.place, 'PUT', path, { value }).catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    };
    this.#writers = Promise.all(this.agents.map(one));
  }

  async rest(): Promise<void> {
    this.#writing?.abort();
    await this.#writers;
  }

  /** Until each of these was told that everything it recorded is committed. */
  async drained(agents: readonly DemoAgentProcess[], ceilingMs = CEILING_MS): Promise<void> {
    for (const agent of agents)
      await waitFor(() => pendingOf(agent) === 0, {
        ceilingMs,
        what: `${agent.place.demo.name} to be drained`,
      });
  }

  /** As after seven days: what was acknowledged, the agent has no more. */
  async forgetAcknowledged(agent: DemoAgentProcess): Promise<number> {
    await agent.supervised.stop();
    const file = new Database(join(agent.place.directory, 'vault.db'));
    const { changes } = file.prepare('DELETE FROM journal WHERE acknowledged_at IS NOT NULL').run();
    file.close();
    await agent.supervised.start();
    return changes;
  }

  async close(): Promise<void> {
    await this.rest();
    this.#stop.abort();
    await Promise.all(this.agents.map(({ supervised }) => supervised.kill()));
  }
}

function onDisk<T>({ place }: DemoAgentProcess, work: (file: Database.Database) => T): T {
  const file = new Database(join(place.directory, 'vault.db'), { readonly: true, timeout: 5_000 });
  try {
    return work(file);
  } finally {
    file.close();
  }
}

function pendingOf(agent: DemoAgentProcess): number {
  return onDisk(
    agent,
    (file) =>
      file
        .prepare<[], number>(
          'SELECT count(*) FROM journal j, journal_state s WHERE j.epoch = s.epoch AND j.seq > s.acknowledged_seq',
        )
        .pluck()
        .get() as number,
  );
}

/** Ids of everything it still has, in the order it was recorded. */
export function journalOf(agent: DemoAgentProcess): string[] {
  return onDisk(agent, (file) =>
    file
      .prepare<[], string>('SELECT body FROM journal WHERE epoch > 0 ORDER BY epoch, seq')
      .pluck()
      .all()
      .map((body) => (JSON.parse(body) as { id: string }).id),
  );
}
