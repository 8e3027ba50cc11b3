import { type Decider, KeyfleetError } from '@keyfleet/kernel';
import { type Agent, type AgentEvent, evolve, initialState } from './agent.js';
import type {
  AgentCommand,
  EnrolAgent,
  LabelAgent,
  ReadoptAgent,
  RenewCertificate,
  ReportVersion,
  SuspectClone,
} from './commands.js';

type Facts = readonly AgentEvent[];

function enrol({ type: _, ...given }: EnrolAgent, state: Agent): Facts {
  if (state.status === 'unknown') return [{ type: 'AgentEnrolled', v: 1, data: given }];
  const again = state.tokenId === given.tokenId && state.nkey === given.nkey;
  if (!again) throw new KeyfleetError('enrolment.key-taken');
  if (state.status === 'revoked') throw new KeyfleetError('agent.revoked');
  return [];
}

/** Without labels: what it was given it cannot prove, and groups with their policies go by them. */
function readopt({ type: _, credentialIssuedAt, ...given }: ReadoptAgent, state: Agent): Facts {
  if (state.status === 'revoked') throw new KeyfleetError('agent.revoked');
  if (state.status === 'enrolled') return [];
  const { agentId } = given;
  return [
    { type: 'AgentEnrolled', v: 1, data: { ...given, labels: {} } },
    { type: 'AgentReadopted', v: 1, data: { agentId, credentialIssuedAt } },
  ];
}

function renew(command: RenewCertificate, state: Agent): Facts {
  if (state.status === 'unknown') throw new KeyfleetError('agent.unknown');
  if (state.status === 'revoked') throw new KeyfleetError('agent.revoked');
  const { agentId } = state;
  const { serial, expiresAt, by } = command;
  return [{ type: 'AgentCertificateRenewed', v: 1, data: { agentId, serial, expiresAt, by } }];
}

function label(command: LabelAgent, state: Agent): Facts {
  if (state.status === 'unknown') throw new KeyfleetError('resource.not-found');
  if (state.status === 'revoked')
    throw new KeyfleetError('resource.conflict', { detail: 'The agent is revoked.' });
  if (sameLabels(state.labels, command.labels)) return [];
  return [{ type: 'AgentLabelled', v: 1, data: { agentId: state.agentId, labels: command.labels } }];
}

function sameLabels(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

function revoke(state: Agent): Facts {
  if (state.status === 'unknown') throw new KeyfleetError('resource.not-found');
  if (state.status === 'revoked') return [];
  const { agentId, credentialsEndAt } = state;
  return [{ type: 'AgentRevoked', v: 1, data: { agentId, jwtExpiresAt: credentialsEndAt } }];
}

function reportVersion(command: ReportVersion, state: Agent): Facts {
  if (state.status !== 'enrolled' || state.version === command.version) return [];
  const { agentId, version } = state;
  return [{ type: 'AgentVersionChanged', v: 1, data: { agentId, from: version, to: command.version } }];
}

function suspectClone(command: SuspectClone, state: Agent): Facts {
  if (state.status !== 'enrolled') return [];
  const bootIds = [...new Set(command.bootIds)].sort();
  if (bootIds.length < 2 || bootIds.join() === state.suspectedBoots.join()) return [];
  return [{ type: 'AgentCloneSuspected', v: 1, data: { agentId: state.agentId, bootIds } }];
}

function decide(command: AgentCommand, state: Agent): Facts {
  switch (command.type) {
    case 'EnrolAgent':
      return enrol(command, state);
    case 'ReadoptAgent':
      return readopt(command, state);
    case 'RenewCertificate':
      return renew(command, state);
    case 'LabelAgent':
      return label(command, state);
    case 'RevokeAgent':
      return revoke(state);
    case 'ReportVersion':
      return reportVersion(command, state);
    case 'SuspectClone':
      return suspectClone(command, state);
    default:
      return command satisfies never;
  }
}

export const agent: Decider<Agent, AgentCommand, AgentEvent> = { initialState, evolve, decide };
