import { CAREFULLY, type PolicyDocument } from '@keyfleet/contracts';
import type { PolicySummary, PolicyVersionView, PolicyView } from '@keyfleet/contracts/http';
import { deriveId } from '@keyfleet/platform';

const allow = (id: string, resource: string): PolicyDocument['statements'][number] => ({
  ...{ id, effect: 'allow', principals: ['app:billing'], actions: ['read'], resources: [resource] },
});

const PUBLISHED: PolicyDocument = { statements: [allow('reads', 'team/app/**'), allow('old', 'old/**')] };
const DRAFTED: PolicyDocument = { statements: [allow('reads', 'team/**'), allow('new', 'new/**')] };
const HASH = 'ab'.repeat(32);
const AT = '2026-11-21T00:00:00.000Z';

/** A policy with one version, rolled out, and a draft of the next. */
export const POLICY: PolicyView = {
  ...{
    id: deriveId('pol', 'billing'),
    name: 'Billing',
    state: 'published',
    version: 1,
    hasDraft: true,
    statements: 2,
  },
  ...{ assignments: 1, rollout: 'completed', changedAt: AT, changedBy: 'usr_1' },
  published: { version: 1, hash: HASH, document: PUBLISHED },
  draft: {
    ...{ draft: 2, document: DRAFTED, hash: HASH, basedOn: 1, writtenBy: 'usr_1', writtenAt: AT },
    review: null,
  },
  assignmentList: [{ id: 'all', target: { kind: 'organisation' }, assignedAt: AT, assignedBy: 'usr_1' }],
  rolloutDetail: {
    ...{ version: 1, from: null, state: 'completed', wave: 2, plan: CAREFULLY, startedAt: AT },
    ...{ changedAt: AT, halt: null },
  },
};

export const POLICY_VERSION: PolicyVersionView = {
  ...{ version: 1, hash: HASH, document: PUBLISHED, restores: null, publishedAt: AT, publishedBy: 'usr_1' },
};

export function summaryOf(view: PolicyView): PolicySummary {
  const { published: _, draft: _d, assignmentList: _a, rolloutDetail: _r, ...summary } = view;
  return summary;
}
