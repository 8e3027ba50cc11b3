import { createRequire } from 'node:module';
import type { PolicyStatement } from '@keyfleet/contracts';
import type { AccessRequest } from '@keyfleet/policy-engine';
import { CONDITIONS, wallClockOf } from './workload.js';

type Cedar = typeof import('@cedar-policy/cedar-wasm/nodejs');
const cedar = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs') as Cedar;

const SET = 'bench';

/** What each condition of the workload is in Cedar, in their order. */
const IN_CEDAR: readonly string[] = [
  'context.address.isInRange(ip("10.0.0.0/8"))',
  'context.secondFactor || context.address.isInRange(ip("10.1.0.0/16"))',
  'context.weekday >= 1 && context.weekday <= 5 && context.minute >= 480 && context.minute < 1080',
  'context.env != "prod" || principal in Group::"oncall"',
  'context.client like "curl/*" && context.method == "api-key"',
];

/** The same statements parsed by Cedar once; what it answers takes a call into its module for every request. */
export function cedarOf(statements: readonly PolicyStatement[]): (request: AccessRequest) => boolean {
  const staticPolicies = Object.fromEntries(
    statements.map((statement) => [statement.id, policyOf(statement)]),
  );
  const parsed = cedar.preparsePolicySet(SET, { staticPolicies, templates: {}, templateLinks: [] });
  if (parsed.type !== 'success') throw new Error(JSON.stringify(parsed.errors.slice(0, 1)));
  return (request) => {
    const answer = cedar.statefulIsAuthorized(callOf(request));
    if (answer.type !== 'success') throw new Error(JSON.stringify(answer.errors.slice(0, 1)));
    return answer.response.decision === 'allow';
  };
}

function policyOf({ effect, principals, actions, resources, condition }: PolicyStatement): string {
  const [who = ''] = principals;
  const principal = who.startsWith('@')
    ? `principal in Group::"${who.slice(1)}"`
    : `principal == App::"${who}"`;
  const names = [...new Set(actions)].map((action) => `Action::"${action}"`).join(', ');
  const path = (resources[0] ?? '').replace('/**', '/*');
  const extra =
    condition === undefined ? '' : ` && (${IN_CEDAR[CONDITIONS.findIndex((known) => known === condition)]})`;
  return `${effect === 'deny' ? 'forbid' : 'permit'} (${principal}, action in [${names}], resource) when { resource.path like "${path}"${extra} };`;
}

function callOf(request: AccessRequest): Parameters<Cedar['statefulIsAuthorized']>[0] {
  const principal = { type: 'App', id: request.principal };
  const resource = { type: 'Secret', id: request.path ?? '' };
  const { weekday, minute } = wallClockOf(request.at);
  return {
    ...{ principal, resource, action: { type: 'Action', id: request.action } },
    context: {
      address: { __extn: { fn: 'ip', arg: request.address ?? '' } },
      ...{ secondFactor: request.secondFactor, weekday, minute, env: request.tags['env'] ?? '' },
      ...{ client: request.client ?? '', method: request.method },
    },
    preparsedPolicySetId: SET,
    entities: [
      { uid: principal, attrs: {}, parents: request.groups.map((id) => ({ type: 'Group', id })) },
      { uid: resource, attrs: { path: request.path ?? '' }, parents: [] },
    ],
  };
}
