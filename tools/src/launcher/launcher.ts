import { setTimeout as delay } from 'node:timers/promises';
import { type FoundServer, type NatsServer, secretFile } from '@keyfleet/embedded';
import { Admin, type Org } from './admin.js';
import { placeAgents } from './agents.js';
import { findServers, natsBacking, PostgresBacking, RedisBacking } from './backing.js';
import type { ControlAnswer, ControlRequest } from './control.js';
import { DEMO_ORGS, demoAgents } from './demo-fleet.js';
import { Fleet, waitUntilOnline } from './fleet.js';
import { Installation, PEOPLE, type PersonName, type Settings } from './installation.js';
import type { Layout } from './layout.js';
import { runToEnd } from './node-process.js';
import type { LaunchOptions } from './options.js';
import { Ports } from './ports.js';
import type { Progress } from './progress.js';
import { type RunFile, removeRunFile, writeRunFile } from './run-file.js';
import { placeServices, type Service, startServices, waitUntilReady } from './services.js';
import type { Supervised, SupervisedEvent } from './supervised.js';

const START_GRACE_MS = 5_000;

/** Starts the whole installation step by step, keeps it running, and leaves nothing behind. */
export class Launcher {
  readonly #layout: Layout;
  readonly #options: LaunchOptions;
  readonly #progress: Progress;
  readonly #ports: Ports;
  readonly #postgres: PostgresBacking;
  readonly #redis: RedisBacking;
  readonly #stop = new AbortController();
  #nats: Supervised<NatsServer> | undefined;
  #natsUrl = '';
  #gatewayUrl = '';
  #services: Service[] = [];
  #fleet = new Fleet([], this.#stop.signal);
  #orgs: Org[] = [];
  #ready = false;
  #starting: Promise<void> | undefined;

  constructor(layout: Layout, options: LaunchOptions, progress: Progress) {
    this.#layout = layout;
    this.#options = options;
    this.#progress = progress;
    this.#ports = new Ports(layout.in('ports.json'));
    this.#postgres = new PostgresBacking(layout, this.#ports, this.#tell);
    this.#redis = new RedisBacking(layout, this.#ports, this.#tell);
  }

  /** Resolves when all of it answers, every demo agent is online, and the run file is written. */
  start(): Promise<void> {
    this.#starting = this.#startAll();
    return this.#starting;
  }

  async #startAll(): Promise<void> {
    removeRunFile(this.#layout.runFile);
    this.#layout.turnLogs();
    const installation = await this.#plan();
    const [found] = await Promise.all([
      this.#step('servers', (say) => this.#startServers(say)),
      this.#step('authority', () =>
        this.#run('registry', 'init', { args: installation.init(portOf(this.#natsUrl)) }),
      ),
    ]);
    await Promise.all([
      this.#step('broker', () => this.#startBroker(found)),
      this.#step('migrations', () => this.#run('registry', 'migrate', { env: installation.migrate() })),
    ]);
    // The organisations are there for the second.
    const people = this.#step('people', async () => {
      for (const person of ['admin', 'reviewer'] as const)
        await this.#run('registry', 'bootstrap', installation.bootstrap(person, DEMO_ORGS));
    });
    // Its failure is told where it is awaited; until then it must not count as unhandled.
    people.catch(() => {});
    await this.#step('services', async (say) => {
      const { signal } = this.#stop;
      const context = { layout: this.#layout, installation, ports: this.#ports, signal, onEvent: this.#tell };
      this.#services = await placeServices(context);
      await Promise.all([startServices(this.#services, say), people]);
    });
    await this.#step('demo fleet', () => this.#startFleet());
    await this.#step('detection', () => waitUntilReady(this.#services, this.#stop.signal));
    this.#ports.save();
    this.#ready = true;
    this.#writeRunFile();
    if (this.#options.traffic) this.#fleet.startTraffic();
    this.#greet();
  }

  /** Ends everything in the reverse order; safe at any moment, also while it starts. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('stopped'));
    this.#ready = false;
    removeRunFile(this.#layout.runFile);
    // What is being started notices the abort by itself; what does not in time ends with us.
    await Promise.race([this.#starting?.catch(() => {}), delay(START_GRACE_MS, undefined, { ref: false })]);
    const gateway = this.#services.filter(({ name }) => name === 'gateway');
    const others = this.#services.filter(({ name }) => name !== 'gateway');
    const stopAll = (list: readonly Service[]): Promise<unknown> =>
      Promise.all(list.map(({ supervised }) => supervised.stop()));
    await Promise.all([this.#fleet.stop(), stopAll(gateway)]);
    await stopAll(others);
    await Promise.all([
      this.#nats?.stop(),
      this.#redis.supervised?.stop(),
      this.#postgres.supervised?.stop(),
    ]);
  }

  /** kill -9 for all of them: for a second Ctrl-C. */
  async kill(): Promise<void> {
    const all = [...this.#services, ...this.#fleet.agents].map(({ supervised }) => supervised as Supervised);
    const backing = [this.#nats, this.#redis.supervised, this.#postgres.supervised];
    await Promise.all([...all, ...backing].map((supervised) => supervised?.kill()));
  }

  readonly control = async (asked: ControlRequest): Promise<ControlAnswer> => {
    if (asked.command === 'status')
      return {
        ok: true,
        message: this.#ready ? `The dashboard is at ${this.#gatewayUrl}` : 'It is starting.',
      };
    if (!this.#ready)
      return { ok: false, message: 'Keyfleet is still starting; try again when it is ready.' };
    const answer = await this.#fleet.control(asked);
    // It has another id by now.
    if (asked.action === 'enrol') this.#writeRunFile();
    return answer;
  };

  #step<T>(name: string, work: (say: (message: string) => void) => Promise<T>): Promise<T> {
    this.#stop.signal.throwIfAborted();
    return this.#progress.step(name, work);
  }

  async #startServers(say: (message: string) => void): Promise<FoundServer> {
    const [{ nats }] = await Promise.all([findServers(this.#layout, say), this.#postgres.start(this.#ports)]);
    await this.#redis.start(this.#ports);
    return nats;
  }

  async #plan(): Promise<Installation> {
    this.#gatewayUrl = `http://127.0.0.1:${await this.#ports.get('gateway')}`;
    this.#natsUrl = `tls://127.0.0.1:${await this.#ports.get('nats')}`;
    return new Installation({
      layout: this.#layout,
      postgres: this.#postgres,
      redis: this.#redis,
      gatewayUrl: this.#gatewayUrl,
      natsUrl: this.#natsUrl,
    });
  }

  #run(app: string, entry: string, given: { env?: Settings; args?: readonly string[] }): Promise<void> {
    return runToEnd({
      name: `${app} ${entry}`,
      script: this.#layout.app(app, entry),
      env: given.env ?? {},
      args: given.args,
      logFile: this.#layout.log(entry),
      cwd: this.#layout.root,
      signal: this.#stop.signal,
    });
  }

  async #startBroker(server: FoundServer): Promise<void> {
    const configFile = this.#layout.in('nats', 'nats-server.conf');
    this.#nats = natsBacking(this.#layout, { configFile, server, onEvent: this.#tell });
    await this.#nats.start();
  }

  async #startFleet(): Promise<void> {
    const { signal } = this.#stop;
    const admin = new Admin(
      this.#gatewayUrl,
      PEOPLE.admin.email,
      secretFile(this.#layout.passwordFile('admin')),
    );
    this.#orgs = await admin.orgs();
    const context = {
      layout: this.#layout,
      admin,
      gatewayUrl: this.#gatewayUrl,
      signal,
      onEvent: this.#tell,
    };
    const agents = await placeAgents(demoAgents(this.#options.agents), this.#ports, context);
    this.#fleet = new Fleet(agents, signal);
    await this.#fleet.start();
    await this.#fleet.seed();
    const ids = this.#fleet.connected.map((agent) => this.#fleet.idOf(agent));
    await waitUntilOnline(admin, this.#orgs, { ids, signal });
  }

  /** A process that came back has a new pid, and whoever reads the run file must find it. */
  readonly #tell = (event: SupervisedEvent): void => {
    if (this.#stop.signal.aborted) return;
    if (event.kind === 'started') {
      if (!this.#ready) return;
      this.#progress.say(`${event.name} is running again (pid ${event.pid}).`);
      this.#writeRunFile();
      return;
    }
    const verb = event.kind === 'failed' ? 'did not start' : 'ended';
    const next =
      event.againInMs === undefined
        ? `; bring it back with: npm run agent -- start ${event.name.replace(/^agent /, '')}`
        : `; starting it again in ${event.againInMs / 1_000} s`;
    this.#progress.say(`${event.name} ${verb} (${event.reason})${next}`);
  };

  #writeRunFile(): void {
    if (this.#ready) writeRunFile(this.#layout.runFile, this.#runFile());
  }

  #runFile(): RunFile {
    const pidOf = (supervised: Supervised | undefined): number => supervised?.current?.pid ?? 0;
    return {
      ready: true,
      launcher: { pid: process.pid },
      gateway: { url: this.#gatewayUrl },
      nats: { url: this.#natsUrl, pid: pidOf(this.#nats as Supervised | undefined) },
      postgres: { url: this.#postgres.url, pid: pidOf(this.#postgres.supervised as Supervised | undefined) },
      redis: { url: this.#redis.url, pid: pidOf(this.#redis.supervised as Supervised | undefined) },
      eventStore: { driver: 'postgres', url: this.#postgres.urlFor('kf_store') },
      ...{ admin: this.#person('admin'), reviewer: this.#person('reviewer') },
      orgs: this.#orgs.map(({ id, slug }) => ({ id, slug })),
      agents: this.#fleet.agents.map((agent) => ({
        id: this.#fleet.idOf(agent),
        name: agent.place.demo.name,
        org: agent.place.demo.org,
        url: agent.place.url,
        pid: pidOf(agent.supervised as Supervised),
        apiKeyFile: agent.place.apiKeyFile,
        caFile: agent.place.caFile,
      })),
      services: this.#services.map(({ name, operationsUrl, supervised }) => ({
        name,
        pid: pidOf(supervised as Supervised),
        operationsUrl,
      })),
    };
  }

  #person(name: PersonName): RunFile['admin'] {
    return { email: PEOPLE[name].email, passwordFile: this.#layout.passwordFile(name) };
  }

  #greet(): void {
    const [admin, reviewer] = [this.#person('admin'), this.#person('reviewer')];
    const lines = [
      '',
      `  Dashboard   ${this.#gatewayUrl}`,
      `  Sign in as  ${admin.email}`,
      `  Password    in ${admin.passwordFile}`,
      `  Policies are reviewed by another person: ${reviewer.email}, password in ${reviewer.passwordFile}`,
      ...this.#fleet.remarks.map((remark) => `  ${remark}`),
      '',
      `  Ready: ${this.#progress.breakdown()}`,
      '  Ctrl-C ends everything; the data stays in .keyfleet/.',
      '',
    ];
    this.#progress.say(lines.join('\n'));
  }
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}
