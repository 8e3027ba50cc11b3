import { setTimeout as delay } from 'node:timers/promises';
import type { Admin, Org } from './admin.js';
import type { DemoAgentProcess, Standing } from './agents.js';
import type { ControlAnswer, ControlRequest } from './control.js';
import { seedSecrets, startTraffic } from './traffic.js';

/** The demo agents of a running installation. */
export class Fleet {
  readonly #agents: readonly DemoAgentProcess[];
  readonly #signal: AbortSignal;
  readonly #standings = new Map<DemoAgentProcess, Standing>();
  #stopTraffic: () => void = () => {};

  constructor(agents: readonly DemoAgentProcess[], signal: AbortSignal) {
    this.#agents = agents;
    this.#signal = signal;
  }

  get agents(): readonly DemoAgentProcess[] {
    return this.#agents;
  }

  idOf(agent: DemoAgentProcess): string {
    return this.#standings.get(agent)?.id ?? '';
  }

  /** Those that were to come back and did. */
  get connected(): readonly DemoAgentProcess[] {
    return this.#agents.filter((agent) => this.#standings.get(agent)?.kind === 'connected');
  }

  /** What somebody took out of the fleet, and how each comes back. */
  get remarks(): readonly string[] {
    return this.#agents
      .filter((agent) => this.#standings.get(agent)?.kind === 'revoked')
      .map(({ place: { demo } }) => `${demo.name} ${revokedRemark(demo.name)}`);
  }

  /**
   * Starts each, and resolves when every one is connected or known to be revoked, for a revoked one never connects; a
   * few at a time, for enrolling costs something.
   */
  async start(): Promise<void> {
    const waiting = [...this.#agents];
    const worker = async (): Promise<void> => {
      for (let agent = waiting.shift(); agent; agent = waiting.shift()) {
        await agent.supervised.start();
        this.#standings.set(agent, await settled(agent, this.#signal));
      }
    };
    await Promise.all(Array.from({ length: 4 }, worker));
  }

  async seed(): Promise<void> {
    await Promise.all(this.#agents.map(({ place }) => seedSecrets(place)));
  }

  startTraffic(): void {
    this.#stopTraffic = startTraffic(this.#agents.map(({ place }) => place));
  }

  async stop(): Promise<void> {
    this.#stopTraffic();
    await Promise.all(this.#agents.map(({ supervised }) => supervised.stop()));
  }

  /** `npm run agent -- start|stop|list|enrol`. */
  async control(asked: Extract<ControlRequest, { command: 'agent' }>): Promise<ControlAnswer> {
    if (asked.action === 'list') {
      const lines = await Promise.all(this.#agents.map((one) => this.#describe(one)));
      return { ok: true, message: lines.join('\n') };
    }
    const agent = this.#agents.find(({ place }) => place.demo.name === asked.name);
    if (!agent) {
      const names = this.#agents.map(({ place }) => place.demo.name).join(', ');
      return { ok: false, message: `There is no agent "${asked.name ?? ''}"; there are: ${names}.` };
    }
    if (asked.action === 'stop') {
      await agent.supervised.stop();
      return { ok: true, message: `${agent.place.demo.name} is stopped.` };
    }
    return asked.action === 'enrol' ? this.#enrolAnew(agent) : this.#start(agent);
  }

  async #start(agent: DemoAgentProcess): Promise<ControlAnswer> {
    const { name } = agent.place.demo;
    const { pid } = await agent.supervised.start();
    const remark = (await this.#isRevoked(agent)) ? ` It ${revokedRemark(name)}` : '';
    return { ok: true, message: `${name} is running (pid ${pid}).${remark}`, pid };
  }

  /** Nobody's decision is undone: the old agent stays revoked, and a new one has its name and its secrets. */
  async #enrolAnew(agent: DemoAgentProcess): Promise<ControlAnswer> {
    const { name } = agent.place.demo;
    await agent.supervised.start();
    const before = await settled(agent, this.#signal);
    if (before.kind === 'connected')
      return { ok: false, message: `${name} was not revoked; it is connected as ${before.id}.` };
    if (!before.noticed)
      return {
        ok: false,
        message: `${name} has not heard yet that it was revoked; try again in a minute or two.`,
      };
    await agent.renewToken();
    await agent.supervised.stop();
    await agent.supervised.start();
    const after = await settled(agent, this.#signal);
    this.#standings.set(agent, after);
    if (after.kind === 'revoked') return { ok: false, message: `${name} ${revokedRemark(name)}` };
    return { ok: true, message: `${name} is enrolled anew, as ${after.id}; its secrets are still there.` };
  }

  async #describe(agent: DemoAgentProcess): Promise<string> {
    const { place, supervised } = agent;
    const state = supervised.current ? `running, pid ${supervised.current.pid}` : 'not running';
    const remark = (await this.#isRevoked(agent)) ? `; ${revokedRemark(place.demo.name)}` : '';
    return `${place.demo.name.padEnd(16)} ${place.demo.org.padEnd(8)} ${state}${remark}`;
  }

  /** By its own word; of one that does not run, or is still on its way, as it was found before. */
  async #isRevoked(agent: DemoAgentProcess): Promise<boolean> {
    const now = await agent.standing().catch(() => undefined);
    if (now) this.#standings.set(agent, now);
    return this.#standings.get(agent)?.kind === 'revoked';
  }
}

function revokedRemark(name: string): string {
  return `was revoked and works by itself; enrol it anew with: npm run agent -- enrol ${name}`;
}

/** An agent that is on its way this long may have been revoked unheard. */
const ASK_CONTROL_PLANE_MS = 2_000;

async function settled(agent: DemoAgentProcess, signal: AbortSignal): Promise<Standing> {
  const until = performance.now() + 60_000;
  let askAt = performance.now() + ASK_CONTROL_PLANE_MS;
  for (;;) {
    const standing = await agent.standing().catch(() => undefined);
    if (standing) return standing;
    signal.throwIfAborted();
    if (performance.now() > askAt) {
      const told = await agent.standingByControlPlane().catch(() => undefined);
      if (told) return told;
      askAt = performance.now() + ASK_CONTROL_PLANE_MS;
    }
    if (performance.now() > until)
      throw new Error(
        `The agent ${agent.place.demo.name} did not connect within 60 s.\n${agent.supervised.current?.logTail() ?? ''}`,
      );
    await delay(100);
  }
}

/** Until the control plane itself calls every one of them online: detection has seen them. Who is revoked meanwhile never is. */
export async function waitUntilOnline(
  admin: Admin,
  orgs: readonly Org[],
  options: { ids: readonly string[]; signal: AbortSignal },
): Promise<void> {
  const until = performance.now() + 60_000;
  for (;;) {
    const rows = (await Promise.all(orgs.map(({ slug }) => admin.agents(slug).catch(() => [])))).flat();
    const states = new Map(rows.map(({ id, state }) => [id, state]));
    const missing = options.ids.filter((id) => !['online', 'revoked'].includes(states.get(id) ?? ''));
    if (missing.length === 0) return;
    options.signal.throwIfAborted();
    if (performance.now() > until) throw new Error(`Not online after 60 s: ${missing.join(', ')}`);
    await delay(150);
  }
}
