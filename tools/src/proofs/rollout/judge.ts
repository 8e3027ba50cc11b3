import type { ConvergenceCertificate } from '@keyfleet/contracts/http';
import { canonicalJson, sha256Hex, verifyNkeySignature } from '@keyfleet/crypto';
import type { SimulatedAgent } from '@keyfleet/testing';
import { rises, said } from '../policy-push/judge.js';

export type Told = Pick<SimulatedAgent, 'agentId' | 'policy' | 'policiesApplied'>;

/** A version that should not have gone out, and what became of it. */
export interface BadWave {
  /** What it should halt for. */
  readonly reason: 'rejected' | 'denied';
  readonly oldHash: string;
  readonly badHash: string;
  readonly before: readonly Told[];
  readonly after: readonly Told[];
  /** Agents that never came to what the control plane wants them to have. */
  readonly unsettled: number;
  /** Who was told to refuse it. */
  readonly refusers: ReadonlySet<string>;
  /** Events of this version's rollout. */
  readonly halts: readonly { readonly reason: string }[];
  readonly completions: number;
  /** As the API has it. */
  readonly shown: string | undefined;
  /** Of the bad version. */
  readonly certificate: ConvergenceCertificate;
  /** Of the version everybody went back to. */
  readonly restored: ConvergenceCertificate;
  /** What agents take for the authority's. */
  readonly authorityKey: string;
}

export interface WaveVerdict {
  /** Agents that decided by the bad version for a while. */
  readonly had: number;
  readonly wrong: readonly string[];
}

/** Compares what agents say that they had with what events, the API and the certificates say. */
export function judgeWave(wave: BadWave): WaveVerdict {
  const { after, before, certificate, restored } = wave;
  const known = new Map(before.map((agent) => [agent.agentId, agent.policy?.version ?? 0]));
  const meanwhile = new Map(
    after.map(({ agentId, policiesApplied }) => [
      agentId,
      policiesApplied.filter(({ version }) => version > (known.get(agentId) ?? 0)),
    ]),
  );
  const had = new Set(
    [...meanwhile].filter(([, all]) => all.some(({ hash }) => hash === wave.badHash)).map(([id]) => id),
  );
  return {
    had: had.size,
    wrong: [
      ...wrongWithHalt(wave),
      ...wrongWithAgents(wave, meanwhile, had),
      ...wrongWithCertificate(certificate, had, wave),
      ...wrongWithRestored(restored, wave),
    ],
  };
}

function wrongWithHalt({ reason, halts, completions, shown }: BadWave): readonly string[] {
  const [first] = halts;
  return said([
    [halts.length !== 1, `it halted ${halts.length} times`],
    [first !== undefined && first.reason !== reason, `it halted for ${first?.reason}, not ${reason}`],
    [completions > 0, 'it was completed'],
    [shown !== 'halted', `the API calls it ${shown}`],
  ]);
}

function wrongWithAgents(
  { before, after, unsettled, oldHash, badHash, refusers }: BadWave,
  meanwhile: ReadonlyMap<string, Told['policiesApplied']>,
  had: ReadonlySet<string>,
): readonly string[] {
  const all = [...meanwhile.values()];
  const elsewhere = after.filter(({ policy }) => policy?.hash !== oldHash).length;
  const falling = after.filter((agent) => !rises(agent.policiesApplied)).length;
  const strange = all.filter((some) => some.some(({ hash }) => hash !== oldHash && hash !== badHash)).length;
  const unable = [...refusers].filter((agentId) => had.has(agentId)).length;
  return said([
    [after.length !== before.length, `${before.length - after.length} agents are gone`],
    [elsewhere > 0, `${elsewhere} agents decide by something else than before`],
    [unsettled > 0, `${unsettled} agents never came to what they should have`],
    [falling > 0, `${falling} agents had versions that do not rise`],
    [strange > 0, `${strange} agents had what nobody published`],
    [unable > 0, `${unable} agents had what they refused`],
    [had.size === 0, 'nobody ever had it, so nothing is shown'],
    [had.size === after.length, 'everybody had it before it halted'],
  ]);
}

function wrongWithCertificate(
  certificate: ConvergenceCertificate,
  had: ReadonlySet<string>,
  { authorityKey, oldHash }: BadWave,
): readonly string[] {
  const { agents } = certificate;
  const named = new Set(agents.filter(({ reason }) => reason === 'taken-back').map(({ agentId }) => agentId));
  const invented = [...named].filter((agentId) => !had.has(agentId)).length;
  const unnamed = [...had].filter((agentId) => !named.has(agentId)).length;
  const converged = agents.filter(({ state }) => state === 'converged').length;
  const other = agents.filter(({ actual }) => actual !== oldHash).length;
  return said([
    [!isGenuine(certificate, authorityKey), 'its certificate does not hold'],
    [invented > 0, `its certificate names ${invented} agents that never had it`],
    [unnamed > 0, `its certificate does not name ${unnamed} agents that had it`],
    [converged > 0, `its certificate says that ${converged} agents run it`],
    [other > 0, `its certificate says of ${other} agents that they run something else than they do`],
  ]);
}

function wrongWithRestored(
  restored: ConvergenceCertificate,
  { after, authorityKey }: BadWave,
): readonly string[] {
  const converged = new Set(
    restored.agents.filter(({ state }) => state === 'converged').map(({ agentId }) => agentId),
  );
  const missing = after.filter(({ agentId }) => !converged.has(agentId)).length;
  return said([
    [!isGenuine(restored, authorityKey), 'the certificate of the version before does not hold'],
    [missing > 0, `the certificate of the version before does not name ${missing} agents`],
  ]);
}

/** Checked as somebody would who has nothing but the public key. */
function isGenuine({ id, text, key, signature, agents }: ConvergenceCertificate, authority: string): boolean {
  const vouchesForList = text.split('\n').at(-1) === `sha256 ${sha256Hex(canonicalJson(agents))}`;
  return (
    id === sha256Hex(text) && vouchesForList && key === authority && verifyNkeySignature(key, text, signature)
  );
}
