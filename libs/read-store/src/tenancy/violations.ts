import type { Sql } from '@keyfleet/postgres';

const ROLES = ['kf_store', 'kf_worker', 'kf_auth', 'kf_reader'];

/**
 * What the catalogue says against tenancy, a sentence each; empty is good. Looks at every table and view of ours:
 * forced policies on organisation tables, invoker rights on views, owners, and rights of the roles.
 */
export async function tenancyViolations(sql: Sql): Promise<string[]> {
  const open = await sql<{ name: string }[]>`
    select c.oid::regclass::text as name from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped
    where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema', 'store')
      and not (c.relrowsecurity and c.relforcerowsecurity
        and exists (select 1 from pg_policy p where p.polrelid = c.oid))`;
  const views = await sql<{ name: string }[]>`
    select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'v' and n.nspname not in ('pg_catalog', 'information_schema')
      and not coalesce(c.reloptions::text[] && array['security_invoker=true', 'security_invoker=on'], false)`;
  const materialised = await sql<{ name: string }[]>`
    select c.oid::regclass::text as name from pg_class c where c.relkind = 'm'`;
  const owned = await sql<{ name: string; owner: string }[]>`
    select c.oid::regclass::text as name, pg_get_userbyid(c.relowner) as owner from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and pg_get_userbyid(c.relowner) = any(${ROLES}::text[])`;
  const mighty = await sql<{ rolname: string }[]>`
    select rolname from pg_roles where rolname = any(${[...ROLES, 'kf_owner']}::text[]) and (rolsuper or rolbypassrls)`;
  const writing = await sql<{ name: string }[]>`
    select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
      and (has_table_privilege('kf_reader', c.oid, 'insert') or has_table_privilege('kf_reader', c.oid, 'update')
        or has_table_privilege('kf_reader', c.oid, 'delete') or has_table_privilege('kf_reader', c.oid, 'truncate'))`;
  return [
    ...open.map(({ name }) => `${name} has organisations in it and no forced policy`),
    ...views.map(({ name }) => `${name} is a view that runs with its owner's rights`),
    ...materialised.map(({ name }) => `${name} is a materialised view, which knows no row security`),
    ...owned.map(({ name, owner }) => `${name} belongs to ${owner}, who reads it`),
    ...mighty.map(({ rolname }) => `${rolname} passes row security`),
    ...writing.map(({ name }) => `kf_reader may write ${name}`),
  ];
}
