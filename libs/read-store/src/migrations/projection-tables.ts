import { type Projection, physicalName } from '../projection.js';
import type { Migration } from './history.js';

const PROJECTION_NAME = /^[a-z]+\.[a-z][a-z0-9-]*$/;
const TABLE_NAME = /^[a-z_]+\.[a-z][a-z0-9_]*$/;

/**
 * The migration that makes the tables of one version of a projection. The first version's views come with it; those of
 * a later one are switched to when it has caught up.
 */
export function projectionMigration(
  projection: Pick<Projection, 'name' | 'version' | 'tables'>,
  name: string,
): Migration {
  const { version, tables } = projection;
  const made = tables.map((table) => {
    if (!TABLE_NAME.test(table.name))
      throw new TypeError(`${table.name} is not a table name with its schema.`);
    const physical = physicalName(table.name, version);
    return `${table.create(physical)};
      insert into projections.tables (projection, version, logical, physical)
        values ('${checked(projection.name)}', ${version}, '${table.name}', '${physical}');`;
  });
  return {
    name,
    up: `${made.join('\n')}\nselect projections.register('${checked(projection.name)}', ${version});`,
  };
}

/** The migration, one release after its successor was switched to, that drops a version and all that was kept of it. */
export function retiredProjectionMigration(
  { projection, version }: { readonly projection: string; readonly version: number },
  name: string,
): Migration {
  return { name, up: `select projections.forget('${checked(projection)}', ${version});` };
}

function checked(projection: string): string {
  if (!PROJECTION_NAME.test(projection)) throw new TypeError(`${projection} is not a projection's name.`);
  return projection;
}
