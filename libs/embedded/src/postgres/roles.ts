/** The roles of an installation, all plain logins; migrations run as the first, and nobody else owns anything. */
export const DATABASE_ROLES = [
  'kf_owner',
  'kf_store',
  'kf_worker',
  'kf_identity',
  'kf_auth',
  'kf_reader',
] as const;
export type DatabaseRole = (typeof DATABASE_ROLES)[number];
