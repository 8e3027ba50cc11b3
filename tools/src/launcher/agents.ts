import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ManagedProcess, writePrivate } from '@keyfleet/embedded';
import type { Admin } from './admin.js';
import type { DemoAgent } from './demo-fleet.js';
import { call } from './http.js';
import type { Layout } from './layout.js';
import { startNodeProcess, tracingFromEnvironment } from './node-process.js';
import type { Ports } from './ports.js';
import { Supervised, type SupervisedEvent } from './supervised.js';

export interface AgentPlace {
  readonly demo: DemoAgent;
  readonly url: string;
  readonly directory: string;
  readonly apiKeyFile: string;
  readonly caFile: string;
}

/** What an agent's own API says of its link; the id is that of its last enrolment. */
interface AgentStatus {
  readonly agentId: string | null;
  readonly link: { readonly state: string };
}

/** How it stands with the control plane, once that is settled. */
export type Standing =
  | { readonly kind: 'connected'; readonly id: string }
  /** `noticed` once the agent itself knows: only then does it enrol anew. */
  | { readonly kind: 'revoked'; readonly id: string; readonly noticed: boolean };

interface DemoAgentOptions {
  readonly demo: DemoAgent;
  readonly layout: Layout;
  readonly admin: Admin;
  readonly gatewayUrl: string;
  readonly port: number;
  readonly signal: AbortSignal;
  readonly onEvent: (event: SupervisedEvent) => void;
}

/** One demo agent: an ordinary agent process that was enrolled with an ordinary token. */
export class DemoAgentProcess {
  readonly place: AgentPlace;
  readonly supervised: Supervised<ManagedProcess>;
  readonly #layout: Layout;
  readonly #admin: Admin;
  readonly #gatewayUrl: string;
  readonly #port: number;
  readonly #signal: AbortSignal;

  constructor(options: DemoAgentOptions) {
    const { demo, layout, port } = options;
    const directory = layout.in('agents', demo.name);
    this.#layout = layout;
    this.#admin = options.admin;
    this.#gatewayUrl = options.gatewayUrl;
    this.#port = port;
    this.#signal = options.signal;
    this.place = {
      demo,
      url: `https://127.0.0.1:${port}`,
      directory,
      apiKeyFile: join(directory, 'admin.key'),
      caFile: join(directory, 'tls', 'ca.pem'),
    };
    // An agent is not brought back: its death is something to be watched.
    this.supervised = new Supervised({
      name: `agent ${demo.name}`,
      restart: false,
      launch: () => this.#launch(),
      onEvent: options.onEvent,
    });
  }

  /** Its id once it is enrolled and connected. */
  async connectedId(): Promise<string | undefined> {
    const standing = await this.standing();
    return standing?.kind === 'connected' ? standing.id : undefined;
  }

  /** Undefined while it is still on its way, and where it does not answer. */
  async standing(): Promise<Standing | undefined> {
    const { agentId: id, link } = (await this.#status()) ?? {};
    if (id && link?.state === 'connected') return { kind: 'connected', id };
    if (id && link?.state === 'revoked') return { kind: 'revoked', id, noticed: true };
    return undefined;
  }

  /**
   * The same by the word of the control plane: an agent that was ended before it heard that it was revoked hears no
   * more from the broker than any that is refused, and asks for the reason only after some minutes.
   */
  async standingByControlPlane(): Promise<Standing | undefined> {
    const { agentId: id, link } = (await this.#status()) ?? {};
    if (!id || !link || !['connecting', 'offline'].includes(link.state)) return undefined;
    const { state } = await this.#admin.agent(this.place.demo.org, id);
    return state === 'revoked' ? { kind: 'revoked', id, noticed: false } : undefined;
  }

  /** A revoked agent that starts with another token than it was enrolled with becomes a new agent. */
  async renewToken(): Promise<void> {
    const { demo } = this.place;
    const token = await this.#admin.issueEnrolmentToken(demo.org, demo.labels);
    writePrivate(this.#tokenFile, `${token}\n`);
  }

  async #launch(): Promise<ManagedProcess> {
    const { demo, directory } = this.place;
    return startNodeProcess({
      name: `agent ${demo.name}`,
      script: this.#layout.app('agent'),
      cwd: this.#layout.root,
      logFile: this.#layout.log(`agent-${demo.name}`),
      env: {
        ...tracingFromEnvironment(),
        KEYFLEET_AGENT__DIRECTORY: directory,
        KEYFLEET_AGENT__PORT: String(this.#port),
        KEYFLEET_AGENT__NAME: demo.name,
        KEYFLEET_AGENT__LABELS: JSON.stringify(demo.labels),
        KEYFLEET_AGENT__CONTROL_PLANE_URL: this.#gatewayUrl,
        KEYFLEET_AGENT__ENROLMENT_TOKEN_FILE: await this.#enrolmentToken(),
      },
      ready: async () => (await this.#status()) !== undefined,
      signal: this.#signal,
    });
  }

  /** A fresh token where it has none that could still be good; an enrolled agent does not look at it. */
  async #enrolmentToken(): Promise<string> {
    if (!existsSync(join(this.place.directory, 'link', 'identity.json'))) await this.renewToken();
    return this.#tokenFile;
  }

  get #tokenFile(): string {
    return join(this.place.directory, 'enrolment-token');
  }

  async #status(): Promise<AgentStatus | undefined> {
    const { url, apiKeyFile, caFile } = this.place;
    if (!existsSync(apiKeyFile) || !existsSync(caFile)) return undefined;
    const answer = await call({
      url: `${url}/api/v1/status`,
      ca: readFileSync(caFile, 'utf8'),
      headers: { authorization: `Bearer ${readFileSync(apiKeyFile, 'utf8').trim()}` },
      timeoutMs: 3_000,
    });
    return answer.status === 200 ? (answer.body as AgentStatus) : undefined;
  }
}

/** Agents whose ports stay the same from start to start. */
export async function placeAgents(
  demos: readonly DemoAgent[],
  ports: Ports,
  rest: Omit<DemoAgentOptions, 'demo' | 'port'>,
): Promise<DemoAgentProcess[]> {
  const placed: DemoAgentProcess[] = [];
  for (const demo of demos)
    placed.push(new DemoAgentProcess({ ...rest, demo, port: await ports.get(`agent-${demo.name}`) }));
  return placed;
}
