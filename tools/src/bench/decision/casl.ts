import { createMongoAbility, type MongoAbility, type RawRuleOf, subject } from '@casl/ability';
import type { PolicyStatement } from '@keyfleet/contracts';
import type { AccessRequest } from '@keyfleet/policy-engine';

/**
 * The same statements, without their conditions, as rules of one CASL ability: it has no networks and no clocks. Rules
 * that come later win, so those that deny stand last.
 */
export function caslOf(statements: readonly PolicyStatement[]): (request: AccessRequest) => boolean {
  const sorted = [...statements].sort((a, b) => Number(a.effect === 'deny') - Number(b.effect === 'deny'));
  const ability: MongoAbility = createMongoAbility(sorted.map(ruleOf));
  return (request) =>
    ability.can(
      request.action,
      subject('Secret', {
        path: request.path,
        who: [request.principal, ...request.groups.map((name) => `@${name}`)],
      }),
    );
}

function ruleOf({ effect, principals, actions, resources }: PolicyStatement): RawRuleOf<MongoAbility> {
  const [path = ''] = resources;
  const prefix = path.replace(/\*\*$|\*$/, '');
  const within = path.endsWith('**') ? '.+' : '[^/]*';
  return {
    ...{ action: [...actions], subject: 'Secret', inverted: effect === 'deny' },
    conditions: { who: { $in: principals }, path: { $regex: new RegExp(`^${prefix}${within}$`) } },
  };
}
