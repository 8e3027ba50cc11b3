import { SECRET_ACTIONS } from '@keyfleet/contracts/events';
import type { RequestClass } from '@keyfleet/policy-engine';

/** A request class as it is stored: of one agent, counted. */
export interface Row extends RequestClass {
  readonly agent: string;
  readonly count: number;
}

const MINUTE_MS = 60_000;
const FIRST = Date.UTC(2026, 5, 12);
const DAYS = 7;
const VAULT_ACTIONS = ['list', 'audit', 'status', 'keys', 'backup'] as const;
const METHODS = ['api-key', 'jwt', 'certificate', 'local', 'none'] as const;

const NETWORKS = [
  ...many(8, (index) => `10.${index % 3}.${index * 16}.0/24`),
  ...['192.168.7.0/24', '2001:db8:1::/48', '2001:db9::/48'],
];
const GROUPINGS = [[], [], ['dev'], ['ops'], ['ops', 'opsec'], ['ci'], ['dev', 'ci']];
const FOLDERS = ['app', 'db', 'ci/deploy'];
const CLIENTS = [null, 'curl/8.5', 'keyfleet-agent/1.2', 'terraform'];

export const TEAMS = ['billing', 'shop', 'data', 'web', 'ops', 'mail'];
export const GROUPS = ['ops', 'opsec', 'dev', 'ci'];

/** Agents numbered below this send no names, and those below that no paths. */
const NAMELESS = 5;
const PATHLESS = 10;

/** Recorded traffic of a fleet for a week, minute after minute. A few agents send no names; busy ones leave out more. */
export function traffic(classes: number, random: () => number): Row[] {
  const fleet = new Fleet(random);
  return Array.from({ length: classes }, (_, index) => {
    const minute = FIRST + Math.floor((index / classes) * DAYS * 1_440) * MINUTE_MS;
    return fleet.row(minute);
  });
}

class Fleet {
  readonly #random: () => number;
  readonly #principals: ReadonlyMap<string, readonly string[]>;
  readonly #secrets: ReadonlyMap<string, readonly string[]>;
  readonly #hashes = new Map<string, string>();

  constructor(random: () => number) {
    this.#random = random;
    const ofEach = (make: (team: string) => string[]) => new Map(TEAMS.map((team) => [team, make(team)]));
    this.#principals = ofEach((team) => many(20, (index) => `${this.#one(['app', 'ci'])}:${team}-${index}`));
    this.#secrets = ofEach((team) =>
      many(
        60,
        (index) => `${team}/${this.#one(FOLDERS)}/${this.#one(['key', 'token', 'db-password'])}-${index}`,
      ),
    );
  }

  row(minute: number): Row {
    const number = Math.floor(this.#random() * 50);
    const team = this.#one(TEAMS);
    // Mostly of their own team.
    const owner = this.#random() < 0.75 ? team : this.#one(TEAMS);
    const row: Row = {
      ...{ agent: `agt_${number}`, count: 1 + Math.floor(this.#random() ** 3 * 400), minute },
      action:
        this.#random() < 0.6
          ? 'read'
          : this.#one(SECRET_ACTIONS.slice(0, 8).filter((action) => action !== 'list')),
      ...{
        secret: this.#one(this.#secrets.get(owner) ?? []),
        principal: this.#one(this.#principals.get(team) ?? []),
        groups: this.#one(GROUPINGS),
      },
      ...{ network: this.#random() < 0.1 ? null : this.#one(NETWORKS), client: this.#one(CLIENTS) },
      ...{ method: this.#one(METHODS), secondFactor: this.#random() < 0.3 },
    };
    return this.#asSent(this.#asked(row), number);
  }

  /** Some are about the vault as a whole, and some counted together with others. */
  #asked(row: Row): Row {
    const kind = this.#random();
    if (kind < 0.08) return { ...row, action: this.#one(VAULT_ACTIONS), secret: null };
    return kind < 0.11 ? { ...row, secret: null, network: null, client: null } : row;
  }

  #asSent(row: Row, agent: number): Row {
    const hashed = <Name extends string | null>(name: Name): Name =>
      name === null ? name : (this.#hashed(name) as Name);
    if (agent >= PATHLESS) return row;
    if (agent >= NAMELESS) return { ...row, secret: hashed(row.secret) };
    const { secret, principal, groups, client } = row;
    // One of its groups may be known to all.
    const others = groups.map((group) => (group === 'dev' ? group : hashed(group)));
    return {
      ...row,
      secret: hashed(secret),
      principal: hashed(principal),
      groups: others,
      client: hashed(client),
    };
  }

  #hashed(name: string): string {
    const known =
      this.#hashes.get(name) ??
      `h:${Math.floor(this.#random() * 2 ** 48)
        .toString(16)
        .padStart(64, '0')}`;
    this.#hashes.set(name, known);
    return known;
  }

  #one<T>(values: readonly T[]): T {
    return values[Math.floor(this.#random() * values.length)] as T;
  }
}

function many(count: number, make: (index: number) => string): string[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
