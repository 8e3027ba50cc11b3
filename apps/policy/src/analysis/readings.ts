import { type PolicyStatement, WHOLE_VAULT } from '@keyfleet/contracts';
import { describeCondition, parseCondition } from '@keyfleet/policy-engine';

/** A condition of a policy as a person would say it. */
export function readingOfCondition(condition: string): string {
  return describeCondition(parseCondition(condition));
}

/** `Allows members of ops to read and list everything below team/, when a second factor was given.` */
export function readingOf(statement: PolicyStatement): string {
  const { effect, principals, actions, resources, condition } = statement;
  const verb = effect === 'allow' ? 'Allows' : 'Denies';
  const when = condition === undefined ? '' : `, when ${readingOfCondition(condition)}`;
  const does = actions.includes('*') ? 'do anything with' : listed([...new Set(actions)].map(saying), 'and');
  return `${verb} ${listed(principals.map(who), 'and')} to ${does} ${listed(resources.map(what), 'and')}${when}.`;
}

/** Actions that are no verb of English with an object. */
const SAYINGS: Readonly<Partial<Record<PolicyStatement['actions'][number], string>>> = {
  metadata: 'see the metadata of',
  rollback: 'roll back',
  versions: 'see the versions of',
  audit: 'read the audit trail of',
  status: 'see the status of',
  keys: 'manage the keys of',
  backup: 'back up',
};

function saying(action: PolicyStatement['actions'][number]): string {
  return SAYINGS[action] ?? action;
}

function who(pattern: string): string {
  if (pattern === '*') return 'everybody';
  const [prefix, name] = pattern.startsWith('@') ? ['members of ', pattern.slice(1)] : ['', pattern];
  return name.includes('*') ? `${prefix}whoever is called ${name}` : `${prefix}${name}`;
}

function what(pattern: string): string {
  if (pattern === WHOLE_VAULT) return 'the vault as a whole';
  if (pattern === '**') return 'every secret';
  const below = /^([^*]+)\/\*\*$/.exec(pattern);
  return below ? `everything below ${below[1]}/` : pattern;
}

function listed(parts: readonly string[], word: string): string {
  if (parts.length < 2) return parts[0] ?? '';
  return `${parts.slice(0, -1).join(', ')} ${word} ${parts.at(-1)}`;
}
