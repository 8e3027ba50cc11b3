const NAME = /^[a-z_]+\.[a-z0-9_]+$/;

/** DDL that closes a table with an `org_id` column: forced row-level security, read by the organisation in scope, written by workers. */
export function orgTable(table: string): string {
  if (!NAME.test(table)) throw new TypeError(`${table} is not a table name with its schema`);
  return `
    alter table ${table} enable row level security;
    alter table ${table} force row level security;
    create policy organisation on ${table} for select to kf_reader
      using (org_id = nullif(current_setting('app.org', true), ''));
    create policy worker on ${table} for all to kf_worker using (true) with check (true);
    grant select on ${table} to kf_reader;
    grant select, insert, update, delete on ${table} to kf_worker;`;
}
