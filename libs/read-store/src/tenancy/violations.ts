import type { Executor } from '@keyfleet/postgres';

export interface TenancyExceptions {
  /**
   * Tables without organisations in them that every organisation may read: facts of the installation. Where given,
   * there may be no others.
   */
  readonly installationTables?: readonly string[];
}

/**
 * What the catalogue says against tenancy, a sentence each, in order; empty is good. Looks at every table, view,
 * function and role of ours, with a superuser's or the owner's eyes.
 */
export async function tenancyViolations(
  sql: Executor,
  { installationTables }: TenancyExceptions = {},
): Promise<string[]> {
  const rows = await sql.unsafe<{ violation: string }[]>(CHECKS.join('\nunion all\n'), [
    (installationTables ?? null) as never,
  ]);
  return rows.map(({ violation }) => violation).sort();
}

const SYSTEM = `('pg_catalog', 'information_schema', 'pg_toast')`;
const ROLE = `r.rolname like 'kf\\_%'`;

/** Every table and view of ours as `t`, by its name as `t.name`. Columns may be granted one by one. */
const RELATIONS = `(
  select c.*, n.nspname, format('%s.%s', n.nspname, c.relname) as name,
    exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped) as has_org,
    has_any_column_privilege('kf_reader', c.oid, 'select') and has_schema_privilege('kf_reader', n.oid, 'usage') as readable
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname not in ${SYSTEM} and n.nspname not like 'pg\\_temp%' and c.relkind in ('r', 'p', 'v', 'm', 'f')) as t`;

/** The event store's own schema: nobody but its driver comes near it. */
const STRANGERS = `unnest(array['kf_worker', 'kf_identity', 'kf_auth', 'kf_reader']) as stranger`;

const CHECKS: readonly string[] = [
  `select format('%s has organisations in it and no forced row security', t.name) as violation from ${RELATIONS}
   where t.has_org and t.relkind in ('r', 'p', 'f') and t.nspname <> 'store'
     and not (t.relrowsecurity and t.relforcerowsecurity and exists (select from pg_policy p where p.polrelid = t.oid))`,

  `select format('%s lets kf_reader past the organisation by its policy %s', t.name, p.polname) from ${RELATIONS}
   join pg_policy p on p.polrelid = t.oid
   where t.has_org and p.polpermissive
     and p.polroles && array[0::oid, (select oid from pg_roles where rolname = 'kf_reader')]
     and position('app.org' in coalesce(pg_get_expr(p.polqual, p.polrelid), '')) = 0`,

  `select format('%s.org_id is not text', t.name) from ${RELATIONS}
   join pg_attribute a on a.attrelid = t.oid and a.attname = 'org_id' and not a.attisdropped
   where t.nspname <> 'store' and a.atttypid <> 'text'::regtype`,

  `select format('%s is readable by every organisation', t.name) from ${RELATIONS}
   where t.readable and not t.has_org and t.relkind in ('r', 'p', 'f')
     and t.nspname not in ('projections', 'migrations') and not t.name = any($1::text[])`,

  `select format('%s is in the event store and open to %s', t.name, stranger) from ${RELATIONS}, ${STRANGERS}
   where t.nspname = 'store' and (has_any_column_privilege(stranger, t.oid, 'select, insert, update')
     or has_schema_privilege(stranger, t.relnamespace, 'usage'))`,

  `select format('%s is a view that runs with its owner''s rights', t.name) from ${RELATIONS}
   where t.relkind = 'v'
     and not coalesce(t.reloptions && array['security_invoker=true', 'security_invoker=on'], false)`,

  `select format('%s is a materialised view, which knows no row security', t.name) from ${RELATIONS}
   where t.relkind = 'm'`,

  `select format('%s belongs to %s', t.name, r.rolname) from ${RELATIONS}
   join pg_roles r on r.oid = t.relowner where ${ROLE} and r.rolname <> 'kf_owner'`,

  `select format('kf_reader may write %s', t.name) from ${RELATIONS}
   where has_any_column_privilege('kf_reader', t.oid, 'insert, update')
     or has_table_privilege('kf_reader', t.oid, 'delete, truncate')`,

  `select format('everybody has rights to %s', t.name) from ${RELATIONS}, aclexplode(t.relacl) as acl
   where acl.grantee = 0 and t.nspname <> 'migrations'`,

  `select format('%s runs with its owner''s rights for kf_reader', f.oid::regprocedure) from pg_proc f
   join pg_namespace n on n.oid = f.pronamespace
   where n.nspname not in ${SYSTEM} and f.prosecdef and has_function_privilege('kf_reader', f.oid, 'execute')
     and has_schema_privilege('kf_reader', n.oid, 'usage')`,

  `select format('%s may do more than it should: superuser, bypassrls, createrole, createdb or replication', r.rolname)
   from pg_roles r
   where ${ROLE} and (r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolcreatedb or r.rolreplication)`,

  `select format('%s is a member of %s', r.rolname, m.roleid::regrole) from pg_auth_members m
   join pg_roles r on r.oid = m.member where ${ROLE}`,
];
