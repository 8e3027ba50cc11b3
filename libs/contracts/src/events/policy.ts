import { z } from 'zod';
import { open, sensitive } from '../classification.js';
import { displayName, id, sha256 } from '../names.js';
import { defineEvent, type EventOf } from './define.js';

const policyId = open(id('pol'));
const version = open(z.int().min(1));

export const PolicyDrafted = defineEvent(
  'PolicyDrafted',
  1,
  z.strictObject({ policyId, name: sensitive(displayName), version }),
);
export const PolicyPublished = defineEvent(
  'PolicyPublished',
  1,
  z.strictObject({ policyId, version, hash: open(sha256) }),
);
export const PolicyRetired = defineEvent('PolicyRetired', 1, z.strictObject({ policyId }));
export const PolicyAssigned = defineEvent(
  'PolicyAssigned',
  1,
  z.strictObject({ policyId, selector: sensitive(z.string().min(1).max(2_000)) }),
);

export const POLICY_EVENTS = [PolicyDrafted, PolicyPublished, PolicyRetired, PolicyAssigned] as const;
export type PolicyEvent = EventOf<(typeof POLICY_EVENTS)[number]>;
