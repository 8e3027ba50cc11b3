import type { Sql } from '@keyfleet/postgres';
import type { AliasableExpression, Kysely } from 'kysely';
import { reading } from './reading.js';
import { compileScoped, type OrgOfScope } from './tenant-query.js';

/** Stands for an argument while the statement is built, and is no value: nothing can be decided by it. */
class Slot {
  readonly at: number;

  constructor(at: number) {
    this.at = at;
  }

  [Symbol.toPrimitive](): never {
    throw new TypeError(
      'The arguments of a scoped statement are parameters; use tenantQuery to decide by them.',
    );
  }
}

/**
 * `tenantQuery` for a query that always has the same shape: built once, then each call only fills in its parameters,
 * which is worth a third of a point read. `build` must use its arguments as parameters and nothing else.
 */
export function scopedStatement<Tables, Row, Args extends readonly unknown[]>(
  build: (db: Kysely<Tables>, org: OrgOfScope, ...args: Args) => AliasableExpression<Row>,
): (sql: Sql, orgId: string, ...args: Args) => Promise<Row[]> {
  let statement: ReturnType<typeof compileScoped> | undefined;
  const compile = (): ReturnType<typeof compileScoped> => {
    const slots = Array.from({ length: build.length - 2 }, (_, at) => new Slot(at)) as unknown as Args;
    return compileScoped<Tables, Row>(new Slot(-1), (db, org) => build(db, org, ...slots));
  };
  return async (sql, orgId, ...args) => {
    statement ??= compile();
    const fill = (parameter: unknown): unknown => {
      if (!(parameter instanceof Slot)) return parameter;
      return parameter.at < 0 ? orgId : args[parameter.at];
    };
    const rows = await reading(
      sql.unsafe(statement.text, statement.parameters.map(fill) as never[], { prepare: true }),
    );
    return rows as unknown as Row[];
  };
}
