import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { EventStore, RecordedEvent } from '@keyfleet/event-store';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { type TestTime, testTime } from '@keyfleet/platform';
import { waitFor } from '@keyfleet/testing';
import { Client } from '../../e2e/client.js';
import { isFullyReady, type Replica, startReplica } from '../../e2e/replicas.js';
import { Stack } from '../../e2e/stack.js';
import { familyOf, signalAll } from '../family.js';

const PAGE = 5_000;

export interface DetectionWorldOptions {
  readonly directory: string;
  /** How many times faster detection and the agents' links live. */
  readonly factor: number;
  /** Of the launcher's own. */
  readonly agents: number;
}

/** The whole product in test time, with a second registry beside the first one. */
export class DetectionWorld {
  readonly stack: Stack;
  readonly time: TestTime;
  readonly store: EventStore;
  readonly client: Client;
  readonly #stepFiles: readonly string[];
  #second: Replica;

  private constructor(
    parts: Pick<DetectionWorld, 'stack' | 'time' | 'client'> & { second: Replica; stepFiles: string[] },
  ) {
    this.stack = parts.stack;
    this.time = parts.time;
    this.client = parts.client;
    this.#second = parts.second;
    this.#stepFiles = parts.stepFiles;
    this.store = createPostgresEventStore({ url: this.stack.run.eventStore.url, name: 'proof' });
  }

  static async start({ directory, factor, agents }: DetectionWorldOptions): Promise<DetectionWorld> {
    const beganAt = Date.now();
    const stepFiles = ['first', 'second'].map((name) => join(directory, `step-${name}`));
    const env = {
      KEYFLEET_TEST_TIME_FACTOR: String(factor),
      KEYFLEET_TEST_TIME_BEGAN_AT: String(beganAt),
      KEYFLEET_TEST_TIME_STEP_FILE: stepFiles[0] ?? '',
    };
    const stack = await Stack.start({ directory, agents, env });
    const second = await startReplica(stack, 'registry', {
      KEYFLEET_TEST_TIME_STEP_FILE: stepFiles[1] ?? '',
    });
    await waitFor(() => isFullyReady(second), { ceilingMs: 60_000, what: 'the second registry' });
    const client = await Client.signIn(stack);
    return new DetectionWorld({ stack, client, second, stepFiles, time: testTime({ factor, beganAt }) });
  }

  /** Test time, which no step of a registry's clock changes. */
  now(): number {
    return this.time.clock.now();
  }

  /** Until so much test time has gone by. */
  pass(ms: number): Promise<void> {
    return delay(ms / this.time.factor);
  }

  /** What lasts so long in test time, for ceilings. */
  real(ms: number): number {
    return ms / this.time.factor;
  }

  /** The first one is the launcher's, which brings it back when it dies. */
  registries(): readonly [number, number] {
    return [this.#serviceOf('registry').pid, this.#second.pid];
  }

  operations(): Readonly<Record<string, string>> {
    const first = this.stack.run.services.map(({ name, operationsUrl }) => [name, operationsUrl]);
    return { ...Object.fromEntries(first), 'registry-2': this.#second.operationsUrl };
  }

  /** Another second registry in the place of one that was killed. */
  async replaceSecond(): Promise<void> {
    this.#second = await startReplica(this.stack, 'registry', {
      KEYFLEET_TEST_TIME_STEP_FILE: this.#stepFiles[1] ?? '',
    });
  }

  signal(what: 'nats' | 'postgres' | number, signal: 'SIGSTOP' | 'SIGCONT'): void {
    signalAll(familyOf(typeof what === 'number' ? what : this.stack.run[what].pid), signal);
  }

  /** Sets the wall clock of one registry, or of both, off by so much. */
  step(which: 'first' | 'second' | 'both', ms: number): void {
    for (const [index, file] of this.#stepFiles.entries()) {
      if (which !== 'both' && which !== (index === 0 ? 'first' : 'second')) continue;
      if (ms === 0) rmSync(file, { force: true });
      else writeFileSync(file, String(ms));
    }
  }

  async covered(): Promise<boolean> {
    return (await this.readiness()).every(({ ok }) => ok);
  }

  /** What each registry says of itself. */
  readiness(): Promise<readonly { readonly ok: boolean; readonly said: string }[]> {
    const urls = [this.#serviceOf('registry').operationsUrl, this.#second.operationsUrl];
    const ask = async (url: string) => {
      const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1_000) });
      return { ok: answer.ok, said: await answer.text() };
    };
    return Promise.all(urls.map((url) => ask(url).catch((error) => ({ ok: false, said: String(error) }))));
  }

  async facts(types: readonly string[], after?: string): Promise<readonly RecordedEvent[]> {
    const found: RecordedEvent[] = [];
    let from = after;
    for (;;) {
      const page = await this.store.readAll({ filter: { types }, limit: PAGE, ...(from && { after: from }) });
      found.push(...page.events);
      if (page.events.length < PAGE) return found;
      from = page.upTo;
    }
  }

  /** For the CPU meter: who is who at this moment. */
  pids(): Record<string, readonly number[]> {
    const { nats, postgres } = this.stack.run;
    return {
      registries: [...this.registries()],
      broker: [nats.pid],
      postgres: [postgres.pid],
      gateway: [this.#serviceOf('gateway').pid],
      projections: ['policy', 'analytics', 'notify'].map((name) => this.#serviceOf(name).pid),
    };
  }

  async close(): Promise<void> {
    for (const one of [...this.registries(), this.stack.run.nats.pid, this.stack.run.postgres.pid])
      for (const pid of familyOf(one)) this.#continue(pid);
    await this.store.close();
    await this.#second.stop();
    await this.stack.stop();
  }

  #continue(pid: number): void {
    try {
      process.kill(pid, 'SIGCONT');
    } catch {
      // Gone already.
    }
  }

  #serviceOf(name: string) {
    const found = this.stack.run.services.find((service) => service.name === name);
    if (!found) throw new Error(`There is no ${name}`);
    return found;
  }
}
