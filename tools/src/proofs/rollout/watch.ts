import { setTimeout as delay } from 'node:timers/promises';
import type { ConvergenceCertificate } from '@keyfleet/contracts/http';
import type { PolicyWorld } from '../policy-push/world.js';

interface RolloutData {
  readonly version: number;
  readonly reason?: string;
}

const HALTED_CEILING_MS = 240_000;
const BACK_CEILING_MS = 120_000;
const NAMED_CEILING_MS = 30_000;
const LOOK_MS = 250;
const TRAFFIC_EVERY_MS = 1_000;

/** What happened in the rollout of a version, of one type. */
export async function factsOf(world: PolicyWorld, version: number, type: string) {
  const facts = await world.facts();
  return facts
    .map(({ type: is, data, recordedAt }) => ({ is, recordedAt, data: data as RolloutData }))
    .filter(({ is, data }) => is === type && data.version === version);
}

/** Until it stands in the store; the judge says what is wrong where it never does. */
export async function untilHalted(world: PolicyWorld, version: number, withTraffic: boolean): Promise<void> {
  const ends = Date.now() + HALTED_CEILING_MS;
  let told = Number.NEGATIVE_INFINITY;
  while (Date.now() < ends && (await factsOf(world, version, 'RolloutHalted')).length === 0) {
    if (withTraffic && Date.now() - told >= TRAFFIC_EVERY_MS) {
      told = Date.now();
      await world.simulator.tell({ kind: 'journal', agents: 'all', entries: 1 });
    }
    await delay(LOOK_MS);
  }
}

/** Until everybody has exactly what the control plane wants them to have, which is of this hash; how many have not. */
export async function settle(world: PolicyWorld, hash: string): Promise<number> {
  const ends = Date.now() + BACK_CEILING_MS;
  for (;;) {
    const wanted = await world.manifests();
    const { agents } = await world.simulator.report();
    const left = agents.filter(({ agentId, policy }) => {
      const manifest = wanted.get(agentId);
      return manifest?.hash !== hash || policy?.version !== manifest.version;
    });
    if (left.length === 0 || Date.now() > ends) return left.length;
    await delay(LOOK_MS);
  }
}

/** What agents said takes a moment to be read; the last certificate is judged, whatever it says. */
export async function certified(
  world: PolicyWorld,
  version: number,
  isDone: (certificate: ConvergenceCertificate) => boolean,
): Promise<ConvergenceCertificate> {
  const ends = Date.now() + NAMED_CEILING_MS;
  for (;;) {
    const certificate = await world.certify(version);
    if (isDone(certificate) || Date.now() > ends) return certificate;
    await delay(LOOK_MS);
  }
}
