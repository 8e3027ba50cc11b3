export { type MemberDirectory, memberDirectory } from './access/member-directory.js';
export { type ApiTokenItem, type ApiTokenList, listApiTokens } from './api-tokens/queries.js';
export {
  type AuthQueries,
  authQueries,
  type FoundApiToken,
  type FoundOrganisation,
  type FoundSession,
  knownPermissions,
} from './auth/auth-queries.js';
export { applyToDirectory } from './directory/apply.js';
export { directoryProjection } from './directory/projection.js';
export { identityMigrations } from './migrations.js';
