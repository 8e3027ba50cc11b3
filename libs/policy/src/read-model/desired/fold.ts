import type { VaultEvent } from '@keyfleet/contracts/events';
import type { RecordedEvent } from '@keyfleet/event-store';
import type { AgentReportsTable } from './tables.js';

export type Report = AgentReportsTable;
export type ReportFact = RecordedEvent &
  Extract<
    VaultEvent,
    {
      type: 'PolicyApplied' | 'PolicyRejected' | 'PolicyBypassed' | 'PolicyBypassEnded' | 'UsageReported';
    }
  >;

/** A row after one more entry of its agent's journal; the same row for an entry that is counted already. */
export function foldReport(row: Report | undefined, fact: ReportFact): Report {
  const { agentId, epoch } = placeOf(fact);
  const seq = fact.revision + 1n;
  if (row && (epoch < row.epoch || (epoch === row.epoch && seq <= row.seq))) return row;
  return { ...changed(row ?? nothing(agentId, fact), fact), epoch, seq };
}

/** `journal-<agent>.<epoch>`. */
function placeOf({ stream }: RecordedEvent): { readonly agentId: string; readonly epoch: number } {
  const dot = stream.lastIndexOf('.');
  return { agentId: stream.slice('journal-'.length, dot), epoch: Number(stream.slice(dot + 1)) };
}

function nothing(agentId: string, { metadata }: ReportFact): Report {
  return {
    ...{ agent_id: agentId, org_id: metadata.orgId as string },
    ...{ applied_version: null, applied_hash: null, applied_at: null },
    ...{ rejected_version: null, rejected_hash: null, rejected_code: null, rejected_at: null },
    ...{ bypassed_until: null, traffic_version: 0n, requests: 0n, denied: 0n, epoch: 0, seq: 0n },
  };
}

function changed(row: Report, fact: ReportFact): Report {
  switch (fact.type) {
    case 'PolicyApplied': {
      const { version, hash } = fact.data;
      return {
        ...row,
        ...{ applied_version: BigInt(version), applied_hash: hash, applied_at: fact.recordedAt },
      };
    }
    case 'PolicyRejected': {
      const { version, hash, code } = fact.data;
      return {
        ...row,
        ...{ rejected_version: BigInt(version), rejected_hash: hash },
        ...{ rejected_code: code, rejected_at: fact.recordedAt },
      };
    }
    case 'PolicyBypassed':
      return { ...row, bypassed_until: fact.data.until };
    case 'PolicyBypassEnded':
      return { ...row, bypassed_until: null };
    case 'UsageReported':
      return counted(row, fact.data.rows);
    default:
      return fact satisfies never;
  }
}

type Usage = Extract<ReportFact, { type: 'UsageReported' }>['data']['rows'];

/**
 * Only requests under the newest version count: each begins at nothing. Those without a known credential are refused
 * before any policy is asked; whoever has no key could otherwise halt a rollout.
 */
function counted(row: Report, usage: Usage): Report {
  let { traffic_version: version, requests, denied } = row;
  for (const { policyVersion, count, outcome, method } of usage) {
    const under = BigInt(policyVersion ?? 0);
    if (under < version || under === 0n || method === 'none') continue;
    if (under > version) [version, requests, denied] = [under, 0n, 0n];
    requests += BigInt(count);
    if (outcome === 'denied') denied += BigInt(count);
  }
  return { ...row, traffic_version: version, requests, denied };
}
