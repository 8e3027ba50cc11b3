import type { Findings } from '../loss/check.js';
import type { Target } from '../loss/plan.js';

export interface Patch {
  /** A source file of the repository. */
  readonly file: string;
  /** Stands there exactly once; otherwise the patch is out of date, and the proof says so. */
  readonly find: string;
  readonly put: string;
}

export interface Mutant {
  readonly name: string;
  /** The mistake, as somebody might make it. */
  readonly mistake: string;
  readonly patches: readonly Patch[];
  /** What is killed so that it shows. */
  readonly weights: Partial<Readonly<Record<Target, number>>>;
  /** Between two pauses or network faults, where it takes them to show. */
  readonly disturbEveryMs?: number;
  /** Any of them is enough. */
  readonly caughtBy: readonly (keyof Findings)[];
}

const INGEST = 'apps/registry/src/ingest/ingest.ts';
const EVENT_STORE = 'libs/event-store/src/postgres';

/** Builds that are broken on purpose: a checker that does not catch them is no evidence. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'reply-before-commit',
    mistake: 'ingest answers with a watermark while the append is still under way',
    patches: [
      {
        file: INGEST,
        find: 'const result = await this.#appender.append(append).catch((error: unknown) => {\n      journals.forget(record);\n      throw error;\n    });',
        put: "void this.#appender.append(append).catch(() => journals.forget(record));\n    const result = { outcome: 'appended' } as { outcome: string };",
      },
    ],
    weights: { registry: 3, postgres: 1 },
    // A store that takes its time is when it matters.
    disturbEveryMs: 3_000,
    caughtBy: ['acknowledgedEarly', 'lost'],
  },
  {
    name: 'naive-reader',
    mistake: 'positions come from a sequence, and readers ask for those above the last they saw',
    patches: [
      {
        file: `${EVENT_STORE}/schema.ts`,
        find: 'create schema store;\n',
        put: 'create schema store;\ncreate sequence store.naive increment 10000;\n',
      },
      {
        file: `${EVENT_STORE}/append-function.ts`,
        find: '  perform pg_advisory_xact_lock(',
        put: '  perform pg_advisory_xact_lock(pg_backend_pid() + ',
      },
      {
        // The commit takes a while now and then, as on any disk; not before the product has started, which needs its reads.
        file: `${EVENT_STORE}/append-function.ts`,
        find: '  if v_actual = v_expected then\n',
        put: "  base := nextval('store.naive'); perform pg_sleep(case when base > 1500000 then random() * 0.05 else 0 end);\n  if v_actual = v_expected then\n",
      },
    ],
    weights: { analytics: 1, gateway: 1 },
    caughtBy: ['misprojected', 'misshown'],
  },
  {
    name: 'no-forced-row-security',
    mistake: 'row security does not hold for the owner of a table',
    patches: [
      {
        file: 'libs/read-store/src/tenancy/org-table.ts',
        find: ' force row level security;',
        put: ' no force row level security;',
      },
    ],
    weights: { gateway: 1 },
    caughtBy: ['openTables'],
  },
  {
    name: 'watermark-believed',
    mistake: 'an agent believes a watermark without comparing its hash with its own journal',
    patches: [
      {
        file: 'apps/agent/src/link/journal/sqlite-journal.ts',
        find: '    if (seq === acknowledged.seq) return hash === acknowledged.hash;\n',
        put: '    if (hash !== undefined) return true;\n    if (seq === acknowledged.seq) return hash === acknowledged.hash;\n',
      },
      {
        file: 'apps/agent/src/link/sync.ts',
        find: 'if (watermark.seq === own.seq) return watermark.hash === own.hash;',
        put: 'if (watermark.seq === own.seq) return true;',
      },
    ],
    weights: { 'agent-older': 3, agent: 1 },
    caughtBy: ['lost'],
  },
  {
    name: 'no-cut-off',
    mistake: 'what is stored already is not cut off from a batch that is sent again',
    patches: [
      {
        file: 'apps/registry/src/ingest/placement.ts',
        find: '  const assumed = await journals.assumedHead(record);\n',
        put: "  if (record) return { kind: 'append', index: 0 };\n  const assumed = await journals.assumedHead(record);\n",
      },
      {
        file: INGEST,
        find: "expectedRevision: first.seq === 1 ? ('no-stream' as const) : BigInt(first.seq - 2),",
        put: "expectedRevision:\n        (await this.#options.store.streamRevision(journalStream(record.agentId, record.epoch))) ??\n        ('no-stream' as const),",
      },
    ],
    weights: { 'ingest.after-append': 2, 'ingest.before-reply': 2 },
    caughtBy: ['duplicated', 'brokenLinks'],
  },
  {
    name: 'checkpoint-apart',
    mistake: "a projection's checkpoint is committed in a transaction of its own, before the rows",
    patches: [
      {
        file: 'libs/read-store/src/projections/commit.ts',
        find: '): Promise<number> {\n  return transaction(sql, async (tx) => {',
        put: '): Promise<number> {\n  await transaction(sql, async (tx) => advance(tx, projection, step));\n  await new Promise((resolve) => setTimeout(resolve, 30));\n  return transaction(sql, async (tx) => {',
      },
      {
        file: 'libs/read-store/src/projections/commit.ts',
        find: '    await advance(tx, projection, step);\n    if (state',
        put: '    if (state',
      },
    ],
    weights: { analytics: 4, postgres: 1 },
    caughtBy: ['misprojected'],
  },
  {
    name: 'everything-again',
    mistake: 'an agent takes all of its journal into a new epoch, and not only what is not stored',
    patches: [
      {
        file: 'apps/agent/src/link/upload.ts',
        find: 'rechainFrom: forkedAt });',
        put: 'rechainFrom: oldest });',
      },
    ],
    weights: { 'agent-older': 1 },
    caughtBy: ['duplicated'],
  },
];
