import type { RegistryEvent } from '@keyfleet/contracts/events';
import type { RecordedEvent } from '@keyfleet/event-store';
import type { AgentsTable } from './tables.js';

export type AgentFact = RecordedEvent & RegistryEvent;

/** A row after one more fact of its agent. An older fact changes nothing; `undefined` before the agent enrolled. */
export function foldRow(row: AgentsTable | undefined, fact: AgentFact): AgentsTable | undefined {
  if (fact.type === 'AgentEnrolled') return row ?? enrolled(fact);
  if (!row || fact.revision <= row.revision) return row;
  return { ...row, ...changeOf(row, fact), revision: fact.revision };
}

function enrolled(fact: Extract<AgentFact, { type: 'AgentEnrolled' }>): AgentsTable {
  const { data, metadata } = fact;
  return {
    org_id: metadata.orgId as string,
    agent_id: data.agentId,
    name: data.name,
    nkey: data.nkey,
    labels: data.labels,
    version: data.version,
    enrolled_at: metadata.at,
    certificate_expires_at: data.certificateExpiresAt,
    credentials_end_at: data.certificateExpiresAt,
    revoked_at: null,
    journal_epoch: 1,
    journal_seq: 0n,
    last_event_type: fact.type,
    last_event_at: metadata.at,
    last_event_recorded_at: fact.recordedAt,
    revision: fact.revision,
  };
}

function changeOf(row: AgentsTable, fact: AgentFact): Partial<AgentsTable> {
  switch (fact.type) {
    case 'AgentLabelled':
      return { labels: fact.data.labels };
    case 'AgentCertificateRenewed': {
      const { expiresAt } = fact.data;
      const later = Date.parse(expiresAt) > Date.parse(row.credentials_end_at);
      return {
        certificate_expires_at: expiresAt,
        credentials_end_at: later ? expiresAt : row.credentials_end_at,
      };
    }
    case 'AgentRevoked':
      return { revoked_at: fact.metadata.at };
    case 'AgentVersionChanged':
      return { version: fact.data.to };
    case 'AgentEpochStarted':
      return inEpoch(row, fact.data.epoch);
    case 'AgentJournalForked':
      return inEpoch(row, fact.data.newEpoch);
    default:
      return {};
  }
}

function inEpoch(row: AgentsTable, epoch: number): Partial<AgentsTable> {
  return epoch > row.journal_epoch ? { journal_epoch: epoch, journal_seq: 0n } : {};
}
