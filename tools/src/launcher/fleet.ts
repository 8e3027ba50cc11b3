import { setTimeout as delay } from 'node:timers/promises';
import type { Admin, Org } from './admin.js';
import type { DemoAgentProcess } from './agents.js';
import type { ControlAnswer, ControlRequest } from './control.js';
import { seedSecrets, startTraffic } from './traffic.js';

/** The demo agents of a running installation. */
export class Fleet {
  readonly #agents: readonly DemoAgentProcess[];
  readonly #ids = new Map<string, string>();
  #stopTraffic: () => void = () => {};

  constructor(agents: readonly DemoAgentProcess[]) {
    this.#agents = agents;
  }

  get agents(): readonly DemoAgentProcess[] {
    return this.#agents;
  }

  idOf(agent: DemoAgentProcess): string {
    return this.#ids.get(agent.place.demo.name) ?? '';
  }

  /** Starts each, and resolves when every one is connected; a few at a time, for enrolling costs something. */
  async start(signal: AbortSignal): Promise<void> {
    const waiting = [...this.#agents];
    const worker = async (): Promise<void> => {
      for (let agent = waiting.shift(); agent; agent = waiting.shift()) {
        await agent.supervised.start();
        this.#ids.set(agent.place.demo.name, await connectedId(agent, signal));
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

  /** `npm run agent -- start|stop|list`. */
  async control(asked: Extract<ControlRequest, { command: 'agent' }>): Promise<ControlAnswer> {
    if (asked.action === 'list') return { ok: true, message: this.#agents.map(describe).join('\n') };
    const agent = this.#agents.find(({ place }) => place.demo.name === asked.name);
    if (!agent) {
      const names = this.#agents.map(({ place }) => place.demo.name).join(', ');
      return { ok: false, message: `There is no agent "${asked.name ?? ''}"; there are: ${names}.` };
    }
    if (asked.action === 'stop') {
      await agent.supervised.stop();
      return { ok: true, message: `${agent.place.demo.name} is stopped.` };
    }
    const running = await agent.supervised.start();
    return {
      ok: true,
      message: `${agent.place.demo.name} is running (pid ${running.pid}).`,
      pid: running.pid,
    };
  }
}

function describe({ place, supervised }: DemoAgentProcess): string {
  const state = supervised.current ? `running, pid ${supervised.current.pid}` : 'not running';
  return `${place.demo.name.padEnd(16)} ${place.demo.org.padEnd(8)} ${state}`;
}

async function connectedId(agent: DemoAgentProcess, signal: AbortSignal): Promise<string> {
  const until = performance.now() + 60_000;
  for (;;) {
    const id = await agent.connectedId().catch(() => undefined);
    if (id) return id;
    signal.throwIfAborted();
    if (performance.now() > until)
      throw new Error(
        `The agent ${agent.place.demo.name} did not connect within 60 s.\n${agent.supervised.current?.logTail() ?? ''}`,
      );
    await delay(100);
  }
}

/** Until the control plane itself calls every one of them online: detection has seen them. */
export async function waitUntilOnline(
  admin: Admin,
  orgs: readonly Org[],
  options: { ids: readonly string[]; signal: AbortSignal },
): Promise<void> {
  const until = performance.now() + 60_000;
  for (;;) {
    const rows = (await Promise.all(orgs.map(({ slug }) => admin.agents(slug).catch(() => [])))).flat();
    const online = new Set(rows.filter(({ state }) => state === 'online').map(({ id }) => id));
    const missing = options.ids.filter((id) => !online.has(id));
    if (missing.length === 0) return;
    options.signal.throwIfAborted();
    if (performance.now() > until) throw new Error(`Not online after 60 s: ${missing.join(', ')}`);
    await delay(150);
  }
}
