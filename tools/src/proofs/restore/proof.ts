import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { RecordedEvent } from '@keyfleet/event-store';
import { waitFor } from '@keyfleet/testing';
import { Client } from '../../e2e/client.js';
import { Stack } from '../../e2e/stack.js';
import type { DemoAgentProcess } from '../../launcher/agents.js';
import type { ProofRun } from '../run-proof.js';
import { journalOf, LiveFleet } from './fleet.js';
import { type Findings, isClean, judge, type Witness } from './judge.js';
import { everything, fill, issueToken, rightsAfter, tryDamages, untilShown, withStore } from './questions.js';
import { keyfleet, type Ran } from './tool.js';

export interface RestoreSizes {
  /** Enrolled before the backup; at least three. */
  readonly agents: number;
  /** Enrolled after it. */
  readonly late: number;
  /** Events that lie in the store before anything begins. */
  readonly history: number;
  /** Of each of the four stretches of writing. */
  readonly stretchMs: number;
  readonly damages: number;
}

const BACK_MS = 240_000;
const PAUSE_MS = 15;

/** Backup under load, an hour lost with the database, restored under the fleet that lives on. */
export async function proveRestore(run: ProofRun, sizes: RestoreSizes) {
  const drill = await Drill.start(run, sizes);
  try {
    const backup = await drill.backup();
    const hour = await drill.loseAnHour();
    const damages = await drill.destroy();
    const restored = await drill.restore(hour);
    return await drill.compare({ backup, hour, damages, restored });
  } finally {
    await drill.close();
  }
}

/** What there was when the database went. */
interface Hour {
  readonly late: readonly DemoAgentProcess[];
  /** Has nothing acknowledged any more. */
  readonly forgetful: DemoAgentProcess;
  readonly outcast: DemoAgentProcess;
  readonly living: readonly DemoAgentProcess[];
  readonly head: bigint;
  readonly acknowledged: ReadonlySet<string>;
}

interface Outcome {
  readonly backup: Ran;
  readonly hour: Hour;
  readonly damages: { readonly tried: number; readonly undetected: number };
  readonly restored: Ran & { readonly backSeconds: number };
}

class Drill {
  readonly #run: ProofRun;
  readonly #sizes: RestoreSizes;
  readonly #fleet: LiveFleet;
  readonly #before: Client;
  readonly #token: string;
  #since: Client;
  #stack: Stack;

  private constructor(
    parts: { run: ProofRun; sizes: RestoreSizes; stack: Stack; fleet: LiveFleet },
    rights: { before: Client; token: string },
  ) {
    this.#run = parts.run;
    this.#sizes = parts.sizes;
    this.#stack = parts.stack;
    this.#fleet = parts.fleet;
    this.#before = rights.before;
    this.#since = rights.before;
    this.#token = rights.token;
  }

  static async start(run: ProofRun, sizes: RestoreSizes): Promise<Drill> {
    const stack = await Stack.start({ directory: join(run.directory, 'installation'), agents: 0 });
    const admin = stack.admin;
    const directory = join(run.directory, 'fleet');
    const fleet = new LiveFleet({ directory, gatewayUrl: stack.run.gateway.url, admin });
    try {
      run.say(`${sizes.history} events of history, ${sizes.agents} agents`);
      await withStore(stack, (store) => fill(store, sizes.history));
      await fleet.add(sizes.agents);
      const before = await Client.signIn(stack);
      return new Drill({ run, sizes, stack, fleet }, { before, token: await issueToken(before) });
    } catch (error) {
      await fleet.close();
      await stack.stop();
      throw error;
    }
  }

  get #folder(): string {
    return this.#stack.directory;
  }

  async backup(): Promise<Ran> {
    this.#fleet.write(PAUSE_MS);
    await delay(this.#sizes.stretchMs);
    this.#run.say('backup under load');
    await done(keyfleet(this.#folder, 'backup', 'key', '--output', 'key.txt'));
    const recipient = /age1[a-z0-9]+/.exec(readFileSync(join(this.#folder, 'key.txt'), 'utf8'))?.[0] ?? '';
    const to = ['--output', 'hour-old.age', '--recipient', recipient];
    const backup = await done(keyfleet(this.#folder, 'backup', ...to, '--json'));
    this.#run.say(
      `${backup.result['rows']} rows in ${backup.seconds} s, at most ${backup.rssMb} MB of memory`,
    );
    await delay(this.#sizes.stretchMs);
    await this.#fleet.rest();
    return backup;
  }

  async loseAnHour(): Promise<Hour> {
    const fleet = this.#fleet;
    this.#run.say('the hour that will be lost');
    const late = await fleet.add(this.#sizes.late);
    const [forgetful, outcast] = fleet.agents as [DemoAgentProcess, DemoAgentProcess];
    fleet.write(PAUSE_MS);
    await delay(this.#sizes.stretchMs);
    await fleet.rest();
    this.#since = await Client.signIn(this.#stack);
    await this.#since.request('POST', `/api/v1/orgs/acme/agents/${await fleet.idOf(outcast)}/revoke`);
    const living = fleet.agents.filter((agent) => agent !== outcast);
    await fleet.drained(living);
    const acknowledged = new Set(living.flatMap(journalOf));
    const forgotten = await fleet.forgetAcknowledged(forgetful);
    await waitFor(() => forgetful.connectedId(), { ceilingMs: BACK_MS });
    const head = BigInt(await withStore(this.#stack, (store) => store.headPosition()));
    this.#run.say(`${head} events, all acknowledged; one agent has forgotten ${forgotten} entries`);
    return { late, forgetful, outcast, living, head, acknowledged };
  }

  async destroy(): Promise<Outcome['damages']> {
    await this.#stack.stop();
    rmSync(join(this.#folder, '.keyfleet/postgres/data'), { recursive: true });
    this.#fleet.write(PAUSE_MS * 4);
    this.#run.say('the database is gone; the fleet goes on');
    const damages = await tryDamages(this.#folder, this.#run, this.#sizes.damages);
    this.#run.say(`${damages.tried} damaged files, ${damages.tried - damages.undetected} refused`);
    return damages;
  }

  async restore({ living }: Hour): Promise<Outcome['restored']> {
    const how = ['--identity', 'key.txt', '--revoke-api-tokens', '--json'];
    const restored = await done(keyfleet(this.#folder, 'restore', 'hour-old.age', ...how));
    this.#run.say(`restored in ${restored.seconds} s, at most ${restored.rssMb} MB of memory`);
    const started = performance.now();
    this.#stack = await Stack.start({ directory: this.#folder, agents: 0 });
    await delay(this.#sizes.stretchMs);
    await this.#fleet.rest();
    await this.#fleet.drained(living, BACK_MS);
    const backSeconds = Math.round((performance.now() - started) / 1_000);
    this.#run.say(`every agent is drained again ${backSeconds} s after the start`);
    return { ...restored, backSeconds };
  }

  async compare({ backup, hour, damages, restored }: Outcome) {
    const { outcast, living } = hour;
    const rights = await rightsAfter(this.#stack, {
      before: this.#before,
      since: this.#since,
      token: this.#token,
    });
    await untilShown(this.#stack, {
      outcast: await this.#fleet.idOf(outcast),
      living: await Promise.all(living.map(this.#fleet.idOf)),
    });
    const events = await withStore(this.#stack, everything);
    const restoredAt = BigInt(events.find(({ type }) => type === 'ControlPlaneRestored')?.position ?? 0);
    const findings: Findings = judge(await this.#witnesses(hour), events, restoredAt);
    const after = events.filter(isEntryAfter(restoredAt));
    const positionsReused = restoredAt > hour.head ? 0 : 1;
    const wrong = damages.undetected + rights + positionsReused;
    return {
      held: isClean(findings) && wrong === 0 && after.length > 0,
      agents: this.#sizes.agents,
      enrolledSince: this.#sizes.late,
      rows: Number(backup.result['rows']),
      backup: { megabytes: megabytes(backup.result['bytes']), seconds: backup.seconds, rssMb: backup.rssMb },
      restore: {
        ...(restored.result['seconds'] as object),
        total: restored.seconds,
        rssMb: restored.rssMb,
        backSeconds: restored.backSeconds,
      },
      damages: damages.tried,
      undetected: damages.undetected,
      acknowledgedBefore: hour.acknowledged.size,
      sentAgain: after.filter(({ id }) => hour.acknowledged.has(id)).length,
      storedAfter: after.length,
      gapEntries: gapEntries(events),
      positionsReused,
      wrongRights: rights,
      ...findings,
    };
  }

  #witnesses({ late, forgetful, outcast }: Hour): Promise<Witness[]> {
    return Promise.all(
      this.#fleet.agents.map(async (agent) => ({
        agentId: await this.#fleet.idOf(agent),
        ids: journalOf(agent),
        gap: agent === forgetful,
        late: late.includes(agent),
        revoked: agent === outcast,
      })),
    );
  }

  async close(): Promise<void> {
    await this.#fleet.close();
    await this.#stack.stop();
  }
}

/** Throws with the tool's own words where it did not do it. */
async function done(running: Promise<Ran>): Promise<Ran> {
  const ran = await running;
  if (ran.status !== 0) throw new Error(`It ended with ${ran.status}: ${ran.said}`);
  return ran;
}

const isEntryAfter = (restoredAt: bigint) => (event: RecordedEvent) =>
  event.stream.startsWith('journal-') && BigInt(event.position) > restoredAt;

function gapEntries(events: readonly RecordedEvent[]): number {
  const gaps = events.filter(({ type }) => type === 'JournalGapFound');
  return gaps.reduce((sum, { data }) => {
    const { from, to } = data as { from: number; to: number };
    return sum + Math.max(0, to - from + 1);
  }, 0);
}

const megabytes = (bytes: unknown): number => Math.round(Number(bytes) / 1e5) / 10;
