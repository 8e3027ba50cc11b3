import { type Projection, physicalName } from '../projection.js';
import type { Migration } from './migrate.js';

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
    const physical = physicalName(table.name, version);
    return `${table.create(physical)}
      insert into projections.tables (projection, version, logical, physical)
        values ('${projection.name}', ${version}, '${table.name}', '${physical}');`;
  });
  return { name, up: `${made.join('\n')}\nselect projections.register('${projection.name}', ${version});` };
}
