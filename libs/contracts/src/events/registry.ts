import { z } from 'zod';
import { open, sensitive } from '../classification.js';
import { agentName, displayName, id, labels, nkeyPublic, semver, sha256, timestamp } from '../names.js';
import { defineEvent, type EventOf } from './define.js';

const agentId = open(id('agt'));
const seq = open(z.int().min(0));
const epoch = open(z.int().min(1));
const labelMap = sensitive(labels);

// Stream enrolment-<etk id>
export const EnrolmentTokenIssued = defineEvent(
  'EnrolmentTokenIssued',
  1,
  z.strictObject({
    tokenId: open(id('etk')),
    secretHash: sensitive(sha256),
    uses: open(z.int().min(1).max(10_000)),
    expiresAt: open(timestamp),
    labels: labelMap,
  }),
);
export const EnrolmentTokenUsed = defineEvent(
  'EnrolmentTokenUsed',
  1,
  z.strictObject({ tokenId: open(id('etk')), agentId }),
);
export const EnrolmentTokenRevoked = defineEvent(
  'EnrolmentTokenRevoked',
  1,
  z.strictObject({ tokenId: open(id('etk')) }),
);

// Stream agent-<agt id>
export const AgentEnrolled = defineEvent(
  'AgentEnrolled',
  1,
  z.strictObject({
    agentId,
    name: sensitive(agentName),
    nkey: sensitive(nkeyPublic),
    labels: labelMap,
    version: open(semver),
    tokenId: open(id('etk')),
    serial: open(z.string().max(64)),
    certificateExpiresAt: open(timestamp),
  }),
);
/**
 * Behind its `AgentEnrolled`: this agent was enrolled before, in a time the control plane lost. What was known of it
 * beside its key is known no more: labels are to be given again.
 */
export const AgentReadopted = defineEvent(
  'AgentReadopted',
  1,
  z.strictObject({ agentId, credentialIssuedAt: open(timestamp) }),
);
export const AgentLabelled = defineEvent('AgentLabelled', 1, z.strictObject({ agentId, labels: labelMap }));
export const AgentCertificateRenewed = defineEvent(
  'AgentCertificateRenewed',
  1,
  z.strictObject({
    agentId,
    serial: open(z.string().max(64)),
    expiresAt: open(timestamp),
    by: open(z.enum(['nats', 'https'])),
  }),
);
export const AgentRevoked = defineEvent(
  'AgentRevoked',
  1,
  z.strictObject({ agentId, jwtExpiresAt: open(timestamp) }),
);
export const AgentVersionChanged = defineEvent(
  'AgentVersionChanged',
  1,
  z.strictObject({ agentId, from: open(semver), to: open(semver) }),
);
export const AgentCloneSuspected = defineEvent(
  'AgentCloneSuspected',
  1,
  z.strictObject({ agentId, bootIds: open(z.array(z.string().max(64)).min(2).max(8)) }),
);
export const AgentEpochStarted = defineEvent(
  'AgentEpochStarted',
  1,
  z.strictObject({ agentId, epoch, prev: open(sha256) }),
);
export const AgentJournalForked = defineEvent(
  'AgentJournalForked',
  1,
  z.strictObject({ agentId, epoch, forkedAt: seq, newEpoch: epoch, prev: open(sha256) }),
);
export const JournalGapFound = defineEvent(
  'JournalGapFound',
  1,
  z.strictObject({ agentId, epoch, from: seq, to: seq, newEpoch: epoch }),
);

// Stream liveness-<agt id>: transitions only; a beat is not an event
export const AgentWentOffline = defineEvent(
  'AgentWentOffline',
  1,
  z.strictObject({ agentId, lastSeenAt: open(timestamp), coveredSeconds: open(z.number().min(0)) }),
);
export const AgentCameOnline = defineEvent(
  'AgentCameOnline',
  1,
  z.strictObject({ agentId, seenAt: open(timestamp), first: open(z.boolean()) }),
);

// Stream fleet-<org id>
export const FleetSilenceDetected = defineEvent(
  'FleetSilenceDetected',
  1,
  z.strictObject({
    silent: open(z.int().min(0)),
    total: open(z.int().min(0)),
    agentIds: open(z.array(id('agt')).max(500)),
  }),
);
export const FleetSilenceEnded = defineEvent(
  'FleetSilenceEnded',
  1,
  z.strictObject({ silent: open(z.int().min(0)), total: open(z.int().min(0)) }),
);

// Stream detection-<installation id>, orgId null
export const DETECTION_PAUSES = [
  'canary-late',
  'replica-stalled',
  'sweep-gap',
  'clock-step',
  'store-away',
  'starting',
] as const;
export const DetectionPaused = defineEvent(
  'DetectionPaused',
  1,
  z.strictObject({ since: open(timestamp), reason: open(z.enum(DETECTION_PAUSES)) }),
);
export const DetectionResumed = defineEvent(
  'DetectionResumed',
  1,
  z.strictObject({ pausedAt: open(timestamp), resumedAt: open(timestamp) }),
);

// Stream installation-<installation id>, orgId null
/** Everything after `takenAt` was lost here; agents send again what they still have. */
export const ControlPlaneRestored = defineEvent(
  'ControlPlaneRestored',
  1,
  z.strictObject({ takenAt: open(timestamp), position: open(z.string().regex(/^[0-9A-Za-z:/-]{1,64}$/)) }),
);

// Stream group-<grp id>
export const GroupDefined = defineEvent(
  'GroupDefined',
  1,
  z.strictObject({
    groupId: open(id('grp')),
    name: sensitive(displayName),
    selector: sensitive(z.string().min(1).max(2_000)),
    offlineAfterSeconds: open(z.int().min(30).max(240)).nullable(),
  }),
);
export const GroupRemoved = defineEvent('GroupRemoved', 1, z.strictObject({ groupId: open(id('grp')) }));

// Stream journal-<agt id>.<epoch>, in the place of an entry that ingest had to refuse
export const REFUSAL_REASONS = [
  'unknown-type',
  'unknown-version',
  'schema',
  'too-large',
  'foreign-identity',
] as const;
export const AgentEventRefused = defineEvent(
  'AgentEventRefused',
  1,
  z.strictObject({
    epoch,
    seq,
    prev: open(sha256),
    hash: open(sha256),
    size: open(z.int().min(0)),
    reason: open(z.enum(REFUSAL_REASONS)),
    pointers: open(z.array(z.string().max(200)).max(20)),
  }),
);

export const REGISTRY_EVENTS = [
  EnrolmentTokenIssued,
  EnrolmentTokenUsed,
  EnrolmentTokenRevoked,
  AgentEnrolled,
  AgentReadopted,
  AgentLabelled,
  AgentCertificateRenewed,
  AgentRevoked,
  AgentVersionChanged,
  AgentCloneSuspected,
  AgentEpochStarted,
  AgentJournalForked,
  JournalGapFound,
  AgentWentOffline,
  AgentCameOnline,
  FleetSilenceDetected,
  FleetSilenceEnded,
  DetectionPaused,
  DetectionResumed,
  ControlPlaneRestored,
  GroupDefined,
  GroupRemoved,
  AgentEventRefused,
] as const;

export type RegistryEvent = EventOf<(typeof REGISTRY_EVENTS)[number]>;
