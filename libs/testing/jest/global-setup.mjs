// One folder and one set of shared servers for the whole run. A server starts when the first test asks for it,
// as a child of Jest's own process, so that it outlives the workers and never the run.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registerSources } from './register-sources.mjs';

const PREFIX = 'keyfleet-test-';

export default async function globalSetup() {
  removeLeftovers();
  const directory = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
  const servers = new SharedServers(directory);
  const socket = join(directory, 'servers.sock');
  const listener = createServer((client) => servers.serve(client));
  await new Promise((resolve) => listener.listen(socket, resolve));
  process.env.KEYFLEET_TEST_RUN = directory;
  globalThis.keyfleetTestRun = {
    async end() {
      listener.close();
      await servers.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

class SharedServers {
  #directory;
  #started = new Map();

  constructor(directory) {
    this.#directory = directory;
  }

  /** A client names a server in one line and gets one line of JSON. */
  serve(client) {
    client.setEncoding('utf8');
    client.on('error', () => {});
    client.once('data', async (line) => {
      const answer = await this.#get(line.trim()).catch((error) => ({
        error: String(error?.message ?? error),
      }));
      client.end(`${JSON.stringify(answer)}\n`);
    });
  }

  async stop() {
    for (const starting of this.#started.values()) {
      const server = await starting.catch(() => undefined);
      await server?.stop();
    }
  }

  async #get(name) {
    if (!this.#started.has(name)) this.#started.set(name, this.#start(name));
    const { answer } = await this.#started.get(name);
    return answer;
  }

  async #start(name) {
    const hooks = registerSources();
    const { startSharedServer } = await import('../src/servers/shared.ts').finally(() => hooks.deregister());
    return startSharedServer(name, join(this.#directory, name));
  }
}

/** Folders of runs that were killed. */
function removeLeftovers() {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]);
    if (pid && !isAlive(pid)) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
