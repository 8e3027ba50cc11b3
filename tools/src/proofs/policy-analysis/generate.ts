import { SECRET_ACTIONS } from '@keyfleet/contracts/events';
import type { Condition, Leaf, Order, Rule, Subject } from './language.js';

type Random = () => number;
/** A policy of one or two rules. */
export type Policy = readonly Rule[];

const ZONES = ['UTC', 'Europe/Zurich', 'Asia/Kathmandu', 'America/New_York'];
const ORDERS: readonly Order[] = ['<', '<=', '>', '>=', '=='];
const PRINCIPALS = ['app:a', 'app:ab', 'app:*', 'ci:*', 'ci:a', '*', '*a', '@ops', '@ops*', '@*s'];
const SEGMENTS = ['a', 'b', 'ab', 'c.d', '*', 'a*', '*b', '*a*', 'a*b'];
const NETWORKS = [
  '10.0.0.0/8',
  '10.0.0.0/9',
  '10.128.0.0/9',
  '10.1.0.0/16',
  '10.1.2.0/24',
  '10.1.3.0/24',
  '2001:db8::/32',
  '2001:db8::/33',
  '0.0.0.0/0',
  '::/0',
];
const MINUTES = [0, 8 * 60, 12 * 60, 18 * 60, 18 * 60 + 1, 1_439, 1_440];
const DAYS = [[1, 2, 3, 4, 5], [0, 6], [5, 6], [0], [3]];
const MOMENTS = [
  '2026-01-01T00:00:00Z',
  '2026-06-15T12:00:00Z',
  '2026-09-01T06:30:00Z',
  '2027-02-01T00:00:00Z',
].map(Date.parse);
const SUBJECTS: readonly Subject[] = [
  'principal',
  'method',
  'action',
  'path',
  'client',
  'reason',
  'tags.env',
  'tags.tier',
  'tags.env',
];
const WORDS: Partial<Record<Subject, readonly string[]>> = {
  principal: ['app:a', 'app:', 'ci:a', 'a', ''],
  method: ['api-key', 'jwt', 'local', 'a'],
  action: ['read', 'list', 're', 'ate'],
  path: ['a/b', 'a', '/b', 'ab/a', 'b/', ''],
};
const OTHER_WORDS = ['prod', 'pro', 'dev', 'd', ''];

const KINDS = [
  'text',
  'text',
  'text',
  'group',
  'tagged',
  'factor',
  'network',
  'moment',
  'day',
  'clock',
] as const;

/** What the conditions of a pair are about: little, so that they have to do with each other. */
export interface World {
  readonly kinds: readonly (typeof KINDS)[number][];
  readonly subjects: readonly Subject[];
  readonly zones: readonly string[];
  readonly networks: readonly string[];
}

const ANY_WORLD: World = { kinds: KINDS, subjects: SUBJECTS, zones: ZONES, networks: NETWORKS };

/** Draws policies that meet often, in all ways they can. */
export class Draw {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  one<T>(values: readonly T[]): T {
    return values[Math.floor(this.#random() * values.length)] as T;
  }

  some<T>(values: readonly T[], most: number): T[] {
    const count = this.#random() < 0.7 ? 1 : 1 + Math.floor(this.#random() * most);
    return [...new Set(Array.from({ length: count }, () => this.one(values)))];
  }

  may(probability: number): boolean {
    return this.#random() < probability;
  }

  /** Two policies, more often than not about the same things. */
  pair(conditions: boolean, about?: Partial<World>): readonly [Policy, Policy] {
    const world = about ? { ...ANY_WORLD, ...about } : this.#world();
    const first = this.#rule('first', this.may(0.75) ? 'allow' : 'deny', conditions ? world : undefined);
    const effect = this.may(0.9) === (first.effect === 'allow') ? 'deny' : 'allow';
    const second = this.#rule('second', effect, conditions && this.may(0.8) ? world : undefined);
    const third = this.#rule(
      'third',
      this.one(['allow', 'deny']),
      conditions && this.may(0.5) ? world : undefined,
    );
    const more = this.may(0.2) ? [this.#beside(third, first)] : [];
    const other = this.#beside(second, first);
    return this.may(0.5) ? [[first, ...more], [other]] : [[first], [other, ...more]];
  }

  #world(): World {
    if (this.may(0.3)) return ANY_WORLD;
    return {
      kinds: [this.one(KINDS), this.one(KINDS)],
      subjects: this.some(SUBJECTS, 2),
      zones: [this.one(ZONES), this.one(ZONES)],
      networks: [this.one(NETWORKS), this.one(NETWORKS), this.one(NETWORKS)],
    };
  }

  #rule(id: string, effect: Rule['effect'], world: World | undefined): Rule {
    return {
      ...{ id, effect, principals: this.some(PRINCIPALS, 2) },
      actions: this.may(0.3) ? ['*'] : this.some(SECRET_ACTIONS.slice(0, 4), 3),
      resources: Array.from({ length: this.may(0.8) ? 1 : 2 }, () => this.#resource()),
      condition: world && this.#condition(2, world),
    };
  }

  /** Takes over some of another rule, so that they meet; or its condition, turned round. */
  #beside(rule: Rule, other: Rule): Rule {
    const turned: Condition | undefined = other.condition && { is: 'not', of: other.condition };
    const taken = this.may(0.5) ? turned : other.condition;
    return {
      ...rule,
      principals: this.may(0.6) ? other.principals : rule.principals,
      actions: this.may(0.6) ? other.actions : rule.actions,
      resources: this.may(0.55) ? other.resources : rule.resources,
      condition: rule.condition && this.may(0.25) ? taken : rule.condition,
    };
  }

  #resource(): string {
    if (this.may(0.04)) return '@vault';
    const segments = Array.from({ length: 1 + Math.floor(this.#random() * 3) }, () => this.one(SEGMENTS));
    for (let deep = 0; deep < 2; deep++)
      if (this.may(0.35)) segments.splice(Math.floor(this.#random() * (segments.length + 1)), 0, '**');
    return segments.join('/');
  }

  #condition(depth: number, world: World): Condition {
    const kind = this.#random();
    if (depth === 0 || kind < 0.35) return this.#leaf(world);
    if (kind < 0.5) return { is: 'not', of: this.#condition(depth - 1, world) };
    const of = Array.from({ length: this.may(0.8) ? 2 : 3 }, () => this.#condition(depth - 1, world));
    return { is: kind < 0.8 ? 'and' : 'or', of };
  }

  #leaf({ kinds, subjects, zones, networks }: World): Leaf {
    const zone = this.one(zones);
    const order = this.one(ORDERS);
    switch (this.one(kinds)) {
      case 'text':
        return this.#text(this.one(subjects));
      case 'group':
        return { is: 'group', name: this.one(['ops', 'opsec', 'dev']) };
      case 'tagged':
        return { is: 'tagged', tag: this.one(['env', 'tier']) };
      case 'factor':
        return { is: 'secondFactor' };
      case 'network':
        return { is: 'network', cidr: this.one(networks) };
      case 'moment':
        return { is: 'moment', order, at: this.one(MOMENTS) };
      case 'day':
        return { is: 'weekday', zone, days: this.one(DAYS) };
      case 'clock':
        return this.may(0.4)
          ? { is: 'hour', zone, order: this.may(0.3) ? '==' : order, hour: this.one([0, 7, 8, 17, 18, 23]) }
          : { is: 'clock', zone, order, minute: this.one(MINUTES) };
    }
  }

  #text(subject: Subject): Leaf {
    const words = WORDS[subject] ?? OTHER_WORDS;
    const is = this.one(['equal', 'equal', 'in', 'startsWith', 'endsWith', 'contains'] as const);
    if (is === 'in') return { is, subject, values: [...new Set([this.one(words), this.one(words)])] };
    return is === 'equal'
      ? { is, subject, values: [this.one(words)] }
      : { is, subject, value: this.one(words) };
  }
}
