import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  describeExit,
  type FoundServer,
  freePort,
  type ManagedProcess,
  startManaged,
} from '@keyfleet/embedded';
import { type ComposeFile, type ComposeService, isOnce, mountsOf, networkOwner } from './compose-file.js';

export interface LocalStackOptions {
  readonly file: ComposeFile;
  /** The image as a folder; commands run there. */
  readonly image: string;
  /** What the image itself sets, as ENV does. */
  readonly imageEnv: Readonly<Record<string, string>>;
  /** Gets volumes, the root of each container, logs. */
  readonly directory: string;
  /** Servers of the stack as this machine has them, by the name of their command. */
  readonly servers: Readonly<Record<string, FoundServer>>;
  /** Of these servers: who listens at a well-known port of the stack. */
  readonly ports: Readonly<Record<string, string>>;
}

export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/**
 * Runs containers of a compose file as processes: each with the command, environment, healthcheck and mounts that stand
 * there and nothing else. Only what a machine without containers cannot give is put in place: another container's name
 * becomes loopback, each of its ports a free one, and the root of a container a folder with its volumes in it.
 */
export class LocalStack {
  readonly #options: LocalStackOptions;
  readonly #ports = new Map<string, Promise<number>>();
  readonly #running = new Map<string, ManagedProcess>();

  constructor(options: LocalStackOptions) {
    this.#options = options;
  }

  /** The free port that stands for a container's port. */
  port(service: string, port: number): Promise<number> {
    const owner = networkOwner(service, this.service(service));
    const key = `${owner}:${port}`;
    const known = this.#ports.get(key) ?? freePort();
    this.#ports.set(key, known);
    return known;
  }

  service(name: string): ComposeService {
    const service = this.#options.file.services[name];
    if (!service) throw new Error(`docker-compose.yml has no service ${name}.`);
    return service;
  }

  volume(name: string): string {
    return join(this.#options.directory, 'volumes', name);
  }

  /** Runs a container that ends by itself. */
  async once(name: string): Promise<string> {
    const service = this.service(name);
    if (!isOnce(service)) throw new Error(`${name} does not end by itself.`);
    const [command, ...args] = await this.#words(name, service.command ?? []);
    const { code, output } = await this.#execute(command ?? '', args, await this.#environment(name));
    if (code !== 0) throw new Error(`${name} ended with ${code}: ${output.slice(-2_000)}`);
    return output;
  }

  /** Starts a container that stays; what it needs is not waited for. */
  async start(name: string): Promise<ManagedProcess> {
    const [command = '', ...args] = await this.#words(name, this.service(name).command ?? []);
    const child = await startManaged({
      name,
      command: this.#binary(command),
      args,
      env: { ...(await this.#environment(name)), ...this.#options.servers[command]?.env },
      cwd: this.#options.image,
      logFile: join(this.#options.directory, 'logs', `${name}.log`),
      endWithUs: 'SIGKILL',
    });
    this.#running.set(name, child);
    return child;
  }

  /** Runs the container's healthcheck once. */
  async health(name: string): Promise<Ended> {
    const [kind, ...test] = this.service(name).healthcheck?.test ?? [];
    if (kind !== 'CMD') throw new Error(`${name} has no healthcheck that is a command.`);
    const [command = '', ...args] = await this.#words(name, test);
    return this.#execute(command, args, await this.#environment(name));
  }

  /** `healthy`, or why it is not by then, or why it has ended. */
  async becomesHealthy(name: string, ceilingMs = 90_000): Promise<string> {
    const until = performance.now() + ceilingMs;
    const child = this.#running.get(name);
    for (;;) {
      if (child?.exit) return `ended: ${child.logTail(20)}`;
      const { code, output } = await this.health(name);
      if (code === 0) return 'healthy';
      if (performance.now() > until) return `not healthy: ${output.trim()}\n${child?.logTail(10) ?? ''}`;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  /** As `docker stop` does it: `exit code 0`, or how else it ended, whether we had to kill it, and the end of its log. */
  async stop(name: string, graceMs = 20_000): Promise<string> {
    const child = this.#running.get(name);
    this.#running.delete(name);
    if (!child) return 'not running';
    const began = performance.now();
    const exit = await child.stop({ graceMs });
    if (exit.code === 0) return describeExit(exit);
    const isOurs = exit.signal === 'SIGKILL' && performance.now() - began >= graceMs;
    const how = isOurs ? `killed by us after ${graceMs / 1_000} s` : describeExit(exit);
    return `${how}\n${child.logTail(20)}`;
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.stop(name)));
  }

  async #environment(name: string): Promise<NodeJS.ProcessEnv> {
    const env: Record<string, string> = { PATH: process.env.PATH ?? '', ...this.#options.imageEnv };
    for (const [key, value] of Object.entries(this.service(name).environment ?? {}))
      env[key] = /PORT$/.test(key)
        ? String(await this.#localPort(name, value))
        : await this.#text(name, value);
    return env;
  }

  async #words(name: string, words: readonly string[]): Promise<string[]> {
    const local: string[] = [];
    for (const word of words) {
      const flag = /^(--[\w-]*port=|--[\w-]*port$|-p$)/.test(local.at(-1) ?? '') && /^\d+$/.test(word);
      const [, before, port] = /^(--[\w-]*port=)(\d+)$/.exec(word) ?? [];
      if (flag) local.push(String(await this.#localPort(name, word)));
      else if (before && port) local.push(`${before}${await this.#localPort(name, port)}`);
      else local.push(await this.#text(name, word));
    }
    return local;
  }

  #localPort(name: string, port: string): Promise<number> {
    return this.port(this.#options.ports[port] ?? name, Number(port));
  }

  /** Names, addresses and paths of the container's world in those of this machine. */
  async #text(name: string, text: string): Promise<string> {
    let local = text;
    for (const [, host = '', port = ''] of text.matchAll(/\b([a-z][a-z-]*):(\d{2,5})\b/g)) {
      if (!(host in this.#options.file.services)) continue;
      local = local.replace(`${host}:${port}`, `127.0.0.1:${await this.port(host, Number(port))}`);
    }
    for (const [found, port = ''] of text.matchAll(/127\.0\.0\.1:(\d+)/g))
      local = local.replace(found, `127.0.0.1:${await this.port(name, Number(port))}`);
    const root = this.#root(name);
    return local
      .replaceAll('0.0.0.0', '127.0.0.1')
      .replaceAll('/var/lib/keyfleet', `${root}/var/lib/keyfleet`)
      .replaceAll(/^\/data$/g, `${root}/data`);
  }

  /** The root of a container: the folder of the image's own, and its volumes at their places. */
  #root(name: string): string {
    const root = join(this.#options.directory, 'roots', name);
    if (existsSync(root)) return root;
    mkdirSync(join(root, 'var/lib/keyfleet/services'), { recursive: true });
    for (const { volume, target } of mountsOf(this.service(name))) {
      mkdirSync(this.volume(volume), { recursive: true, mode: 0o750 });
      mkdirSync(dirname(join(root, target)), { recursive: true });
      symlinkSync(this.volume(volume), join(root, target));
    }
    return root;
  }

  #binary(command: string): string {
    return command === 'node' ? process.execPath : (this.#options.servers[command]?.path ?? command);
  }

  #execute(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
    return new Promise((resolve) => {
      const child = spawn(this.#binary(command), args, { cwd: this.#options.image, env, timeout: 60_000 });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
      child.stderr.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
      child.on('error', (error) => resolve({ code: 127, output: error.message }));
      child.on('close', (code) => resolve({ code, output }));
    });
  }

  /** The log of a container that stays. */
  log(name: string): string {
    const file = join(this.#options.directory, 'logs', `${name}.log`);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }
}
