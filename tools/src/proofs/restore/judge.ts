import type { RecordedEvent } from '@keyfleet/event-store';

/** What one agent has recorded, and what is to be expected of it. */
export interface Witness {
  readonly agentId: string;
  /** Ids of the entries it still has, oldest first. */
  readonly ids: readonly string[];
  /** Whether something is lost for good: then exactly one gap is to be told. */
  readonly gap: boolean;
  /** Enrolled after the backup: it has to be taken back. */
  readonly late: boolean;
  readonly revoked: boolean;
}

export interface Findings {
  /** Recorded by an agent that still has it, and nowhere in the store. */
  lost: number;
  duplicated: number;
  outOfOrder: number;
  brokenChains: number;
  /** Gaps beyond or below the one that is due. */
  wrongGaps: number;
  forks: number;
  notTakenBack: number;
  /** Entries of a revoked agent that were taken after the restore. */
  heardRevoked: number;
  /** Revoked before the restore, and no fact says so after it. */
  forgottenRevocations: number;
}

export const NOTHING: Findings = {
  lost: 0,
  duplicated: 0,
  outOfOrder: 0,
  brokenChains: 0,
  wrongGaps: 0,
  forks: 0,
  notTakenBack: 0,
  heardRevoked: 0,
  forgottenRevocations: 0,
};

/** Compares what agents have with what the store has after the restore; `restoredAt` is the first position behind it. */
export function judge(
  witnesses: readonly Witness[],
  events: readonly RecordedEvent[],
  restoredAt: bigint,
): Findings {
  const findings = { ...NOTHING };
  for (const witness of witnesses) {
    const own = events.filter(({ stream }) => stream.startsWith(`journal-${witness.agentId}.`));
    const facts = events.filter(({ stream }) => stream === `agent-${witness.agentId}`);
    judgeEntries(witness, own, findings);
    judgeFacts(witness, facts, findings);
    if (witness.revoked)
      findings.heardRevoked += own.filter(({ position }) => BigInt(position) > restoredAt).length;
  }
  return findings;
}

function judgeEntries({ ids, revoked }: Witness, own: readonly RecordedEvent[], findings: Findings): void {
  const place = new Map(own.map(({ id }, index) => [id, index]));
  findings.duplicated += own.length - place.size;
  if (!revoked) findings.lost += ids.filter((id) => !place.has(id)).length;
  const places = ids.flatMap((id) => place.get(id) ?? []);
  findings.outOfOrder += places.filter((at, n) => n > 0 && at < (places[n - 1] as number)).length;
  const streams = Map.groupBy(own, ({ stream }) => stream);
  for (const entries of streams.values())
    for (const [n, { revision, metadata }] of entries.entries()) {
      const before = entries[n - 1];
      const follows = !before || metadata.journal?.prev === before.metadata.journal?.hash;
      if (revision !== BigInt(n) || !follows) findings.brokenChains += 1;
    }
}

function judgeFacts(witness: Witness, facts: readonly RecordedEvent[], findings: Findings): void {
  const count = (type: string): number => facts.filter((fact) => fact.type === type).length;
  findings.wrongGaps += Math.abs(count('JournalGapFound') - (witness.gap ? 1 : 0));
  findings.forks += count('AgentJournalForked');
  if (witness.late && count('AgentReadopted') !== 1) findings.notTakenBack += 1;
  if (witness.revoked && count('AgentRevoked') !== 1) findings.forgottenRevocations += 1;
}

export function isClean(findings: Findings): boolean {
  return Object.values(findings).every((count) => count === 0);
}
