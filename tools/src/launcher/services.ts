import { setTimeout as delay } from 'node:timers/promises';
import type { ManagedProcess } from '@keyfleet/embedded';
import { type Installation, SERVICES, type ServiceName } from './installation.js';
import type { Layout } from './layout.js';
import {
  credentialLifeFromEnvironment,
  isReady,
  isServing,
  startNodeProcess,
  tracingFromEnvironment,
} from './node-process.js';
import type { Ports } from './ports.js';
import { Supervised, type SupervisedEvent } from './supervised.js';

export interface Service {
  readonly name: ServiceName;
  readonly operationsUrl: string;
  readonly supervised: Supervised<ManagedProcess>;
}

/** The services of this build, in the order they are started. */
export async function placeServices(options: {
  layout: Layout;
  installation: Installation;
  ports: Ports;
  signal: AbortSignal;
  onEvent: (event: SupervisedEvent) => void;
}): Promise<Service[]> {
  const { layout, installation, ports, signal, onEvent } = options;
  const placed: Service[] = [];
  for (const name of SERVICES.filter((service) => installation.exists(service))) {
    const port = await ports.get(`${name}-operations`);
    const operationsUrl = `http://127.0.0.1:${port}`;
    const launch = (): Promise<ManagedProcess> =>
      startNodeProcess({
        name,
        script: layout.app(name),
        cwd: layout.root,
        logFile: layout.log(name),
        env: {
          ...tracingFromEnvironment(),
          ...(name === 'registry' && credentialLifeFromEnvironment()),
          ...installation.service(name, port),
        },
        ready: () => isServing(operationsUrl),
        signal,
      });
    placed.push({
      name,
      operationsUrl,
      supervised: new Supervised({ name, restart: true, launch, onEvent }),
    });
  }
  return placed;
}

/** All at once: each waits for what it needs. */
export async function startServices(
  services: readonly Service[],
  say: (message: string) => void,
): Promise<void> {
  const started = performance.now();
  const start = async ({ name, supervised }: Service): Promise<void> => {
    await supervised.start();
    say(`${name} is ready (${((performance.now() - started) / 1_000).toFixed(1)} s)`);
  };
  await Promise.all(services.map(start));
}

/** Until no check of any service fails, detection among them. */
export async function waitUntilReady(services: readonly Service[], signal: AbortSignal): Promise<void> {
  const until = performance.now() + 60_000;
  for (const { name, operationsUrl } of services) {
    while (!(await isReady(operationsUrl).catch(() => false))) {
      signal.throwIfAborted();
      if (performance.now() > until)
        throw new Error(`${name} was not ready within 60 s; see ${operationsUrl}/readyz`);
      await delay(100);
    }
  }
}
