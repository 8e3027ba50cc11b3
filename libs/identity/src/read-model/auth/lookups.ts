function lookup(signature: string, answer: string, query: string): string {
  return `
    create function identity.${signature} returns table (${answer})
      language sql stable security definer set search_path = pg_catalog, pg_temp
      as $lookup$ ${query} $lookup$;`;
}

/** What a member of an organisation that is not suspended may do there, as role and as its permissions if it is a role of its own. */
const MEMBERSHIPS = `
  identity.memberships m
  join identity.organisations o on o.org_id = m.org_id and o.status = 'active'
  left join identity.roles r on r.org_id = m.org_id and r.role = m.role
  join identity.users u on u.user_id = m.user_id and u.status = 'active'`;

/**
 * The questions authentication asks, each by one exact key. Whoever holds `kf_auth` can ask them and nothing else: no
 * list, no scan, no password hash. What is suspended, disabled or revoked is not found. Whether something has expired
 * is the asker's clock to say.
 */
export const LOOKUPS = [
  lookup(
    'session_by_secret(hash text)',
    'session_id text, user_id text, email text, name text, idle_expires_at timestamptz, absolute_expires_at timestamptz',
    `select s.session_id, s.user_id, p.email, p.name, s.idle_expires_at, s.absolute_expires_at
     from identity.sessions s
     join identity.users u on u.user_id = s.user_id and u.status = 'active' and s.created_at >= u.sessions_after
     left join identity.people p on p.user_id = s.user_id
     where s.secret_hash = hash`,
  ),
  lookup(
    'api_token_by_secret(hash text)',
    'token_id text, org_id text, name text, permissions text[], expires_at timestamptz',
    `select t.token_id, t.org_id, t.name, t.permissions, t.expires_at
     from identity.api_token_secrets s
     join identity.api_tokens t on t.token_id = s.token_id and t.revoked_at is null
     join identity.organisations o on o.org_id = t.org_id and o.status = 'active'
     where s.secret_hash = hash`,
  ),
  lookup(
    'organisation_by_name(id_or_slug text)',
    'org_id text, slug text, name text',
    `select o.org_id, o.slug, o.name from identity.organisations o
     where (o.org_id = id_or_slug or o.slug = id_or_slug) and o.status = 'active'`,
  ),
  lookup(
    'membership_in(member text, org text)',
    'role text, permissions text[]',
    `select m.role, r.permissions from ${MEMBERSHIPS}
     where m.user_id = member and m.org_id = org and m.role is not null`,
  ),
  lookup(
    'organisations_of(member text)',
    'org_id text, slug text, name text, role text, permissions text[]',
    `select o.org_id, o.slug, o.name, m.role, r.permissions from ${MEMBERSHIPS}
     where m.user_id = member and m.role is not null order by o.slug`,
  ),
  `
  revoke execute on all functions in schema identity from public;
  grant execute on all functions in schema identity to kf_auth, kf_identity;`,
].join('\n');
