import { readFileSync, writeFileSync } from 'node:fs';
import { DATABASE_ROLES } from '@keyfleet/embedded';
import { type FaultProxy, startFaultProxy } from '@keyfleet/testing';
import { redirect } from './agent-disk.js';
import type { Place } from './place.js';
import { SERVICES } from './plan.js';

export type Proxies = Readonly<Record<'broker' | 'postgres' | 'redis', FaultProxy>>;

/** A way to each server that can be disturbed; nobody uses it yet. */
export async function openProxies(place: Place): Promise<Proxies> {
  const { nats, postgres, redis } = place.stack.run;
  const to = ({ url }: { url: string }) => startFaultProxy({ port: Number(new URL(url).port) });
  return { broker: await to(nats), postgres: await to(postgres), redis: await to(redis) };
}

/** Agents reach the broker, and services PostgreSQL and Redis, by way of the proxies from their next start on. */
export async function useProxies(place: Place, proxies: Proxies): Promise<void> {
  for (const role of DATABASE_ROLES)
    through(place.in('secrets', `database-${role}-url`), (url) => proxies.postgres.through(url));
  through(place.in('secrets', 'redis-url'), (url) => proxies.redis.through(url));
  const before = SERVICES.map((name) => ({ name, pid: place.pidOf(name) }));
  for (const { pid } of before) process.kill(pid, 'SIGKILL');
  for (const { name } of place.agents) {
    await place.agent('stop', name);
    redirect(place.agentDirectory(name), proxies.broker.through(place.stack.run.nats.url));
    await place.agent('start', name);
  }
  for (const { name, pid } of before) await place.back(name, pid);
}

function through(file: string, change: (url: string) => string): void {
  writeFileSync(file, `${change(readFileSync(file, 'utf8').trim())}\n`);
}
