import postgres, { type Options, type Sql } from 'postgres';
import { codeOf, isPassing, unavailable } from './failures.js';
import type { OnStep } from './steps.js';
import { whole } from './whole.js';

export interface LinkOptions {
  readonly url: string;
  /** Shown in pg_stat_activity. */
  readonly name: string;
  readonly connections: number;
  /** The server gives a statement up after this long. */
  readonly statementTimeoutMs: number;
  /** We give the server up after this long (it hangs, or the network does); more than the server's own. */
  readonly deadlineMs: number;
  readonly onStep: OnStep;
}

/**
 * Every statement here finds its rows by an index whatever the statistics say: a plan made for an empty table must not
 * be the plan for the table a minute later. So one plan does for all, where planning cost as much as the work.
 */
const PLANNING = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
};

const SAFETY = {
  synchronous_commit: 'on',
  default_transaction_isolation: 'read committed',
  idle_in_transaction_session_timeout: 10_000,
} as const;

/** A pool of connections to the server; what fails by the server's absence is `store.unavailable`. */
export class Link {
  readonly #options: LinkOptions;
  #sql: Sql;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#sql = open(options);
  }

  async run<T>(query: (sql: Sql) => PromiseLike<T>): Promise<T> {
    const sql = this.#sql;
    const deadline = startDeadline(this.#options.deadlineMs, () => this.#replace(sql));
    try {
      return whole(await Promise.race([query(sql), deadline.passed]));
    } catch (error) {
      this.#options.onStep({ step: 'failed', link: this.#options.name, code: codeOf(error) });
      throw isPassing(error) ? unavailable() : error;
    } finally {
      deadline.stop();
    }
  }

  /** A connection that hangs would hold up every statement behind it. */
  #replace(sql: Sql): void {
    if (this.#sql !== sql) return;
    this.#sql = open(this.#options);
    void sql.end({ timeout: 0 });
  }

  async close(): Promise<void> {
    await this.#sql.end({ timeout: 5 });
  }
}

function open({ url, name, connections, statementTimeoutMs }: LinkOptions): Sql {
  return postgres(url, {
    max: connections,
    ...CONNECTION,
    connection: { application_name: name, statement_timeout: statementTimeoutMs, ...PLANNING, ...SAFETY },
  });
}

/** What a connection for listening has in common with the others. */
export const CONNECTION = {
  fetch_types: false,
  connect_timeout: 5,
  keep_alive: 30,
  /** Seconds to the next attempt: at once after a connection was ended, soon where the server is away; few processes ask. */
  backoff: (failures: number) => Math.min(failures * 0.1, 0.5) * (0.5 + Math.random() / 2),
  onnotice: () => {},
} satisfies Options<Record<string, never>>;

function startDeadline(ms: number, onPassed: () => void): { passed: Promise<never>; stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      onPassed();
      reject(unavailable());
    }, ms);
  });
  return { passed, stop: () => clearTimeout(timer) };
}
