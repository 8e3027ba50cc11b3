import { SECRET_ACTIONS } from '@keyfleet/contracts/events';
import type { Condition, Leaf, Order, Rule } from '../policy-analysis/language.js';
import { GROUPS, TEAMS } from './traffic.js';

const ORDERS: readonly Order[] = ['<', '<=', '>', '>='];
const ZONES = ['UTC', 'Europe/Zurich', 'America/New_York'];
const NETWORKS = [
  '10.0.0.0/8',
  '10.1.0.0/16',
  '10.1.16.0/24',
  '10.2.32.128/25',
  '192.168.7.64/26',
  '2001:db8::/32',
  '2001:db8:1:8000::/49',
  '0.0.0.0/0',
];
/** Two of them within a minute of the recorded week. */
const MOMENTS = ['2026-06-14T09:30:00Z', '2026-06-15T12:00:30Z', '2026-06-17T18:45:12.500Z'].map(Date.parse);

/** The policies of a fleet, some of them for everybody, most for one team; and a draft that changes a few. */
export function fleetPolicies(rules: number, random: () => number): { present: Rule[]; draft: Rule[] } {
  const draw = new Policies(random);
  const present = Array.from({ length: rules }, (_, index) => draw.rule(`rule-${index}`));
  const draft = present.flatMap((rule) => (random() < 0.15 ? draw.changed(rule) : [rule]));
  return { present, draft: [...draft, draw.rule('more'), draw.rule('and-more')] };
}

class Policies {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  #one<T>(values: readonly T[]): T {
    return values[Math.floor(this.#random() * values.length)] as T;
  }

  rule(id: string): Rule {
    const team = this.#one(TEAMS);
    const isDeny = this.#random() < 0.3;
    const isConditional = this.#random() < (isDeny ? 0.85 : 0.5);
    const own = [`app:${team}-*`, `ci:${team}-*`, `*:${team}-1*`, `app:${team}-3`];
    const below = [`${team}/**`, `${team}/app/*`, `${team}/*/token-1*`, `${team}/**/key-*`];
    // Wide in one way at most: what is for everybody and everything would leave the others nothing to say.
    const wide = this.#random();
    const principals = wide < 0.2 ? ['*', '@ops', '@ops*', `@${this.#one(GROUPS)}`] : own;
    const resources = wide > 0.85 ? ['**/db-password-*', '*/ci/**', '**', '@vault'] : below;
    const some = [...new Set(['read' as const, this.#one(SECRET_ACTIONS), this.#one(SECRET_ACTIONS)])];
    return {
      ...{ id, effect: isDeny ? 'deny' : 'allow', principals: [this.#one(principals)] },
      ...{ actions: this.#random() < 0.35 ? ['*'] : some, resources: [this.#one(resources)] },
      condition: isConditional ? this.#condition(2) : undefined,
    };
  }

  /** As somebody changes a rule: drops it, turns it round, takes its condition away or another one. */
  changed(rule: Rule): Rule[] {
    const other: Rule = { ...rule, condition: this.#condition(2) };
    const effect = rule.effect === 'allow' ? 'deny' : 'allow';
    return this.#one([[], [{ ...rule, effect }], [{ ...rule, condition: undefined }], [other], [other]]);
  }

  #condition(depth: number): Condition {
    const kind = this.#random();
    if (depth === 0 || kind < 0.4) return this.#leaf();
    if (kind < 0.55) return { is: 'not', of: this.#condition(depth - 1) };
    return { is: kind < 0.8 ? 'and' : 'or', of: [this.#condition(depth - 1), this.#condition(depth - 1)] };
  }

  #leaf(): Leaf {
    const [zone, order] = [this.#one(ZONES), this.#one(ORDERS)];
    const leaves: readonly Leaf[] = [
      { is: 'secondFactor' },
      { is: 'secondFactor' },
      { is: 'network', cidr: this.#one(NETWORKS) },
      { is: 'network', cidr: this.#one(NETWORKS) },
      { is: 'moment', order, at: this.#one(MOMENTS) },
      { is: 'clock', zone, order, minute: this.#one([480, 1_020, 1_110]) },
      {
        is: 'weekday',
        zone,
        days: this.#one([
          [1, 2, 3, 4, 5],
          [0, 6],
        ]),
      },
      { is: 'hour', zone, order, hour: this.#one([7, 12, 18]) },
      { is: 'group', name: this.#one(GROUPS) },
      { is: 'in', subject: 'method', values: ['jwt', 'certificate'] },
      { is: 'startsWith', subject: 'client', value: 'curl' },
      { is: 'equal', subject: 'tags.env', values: ['prod'] },
      { is: 'tagged', tag: 'env' },
      { is: 'equal', subject: 'reason', values: [''] },
      { is: 'contains', subject: 'path', value: 'token' },
      { is: 'endsWith', subject: 'principal', value: '7' },
    ];
    return this.#one(leaves);
  }
}
