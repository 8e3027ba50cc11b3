import { LocalSignIn, PasswordHasher } from '@keyfleet/auth';
import { Access, type HandlerParts } from '@keyfleet/command-handling';
import type { Sql } from '@keyfleet/postgres';
import { ApiTokenCommands } from './api-token-commands.js';
import { Directory } from './directory.js';
import { OrganisationCommands } from './organisation-commands.js';
import { People } from './people.js';
import { type SessionLimits, Sessions } from './sessions.js';
import { SignInCommands } from './sign-in-commands.js';
import { UserCommands } from './user-commands.js';

export interface IdentityOptions extends HandlerParts {
  /** As `kf_identity`. */
  readonly sql: Sql;
  readonly limits: SessionLimits;
  readonly hasher?: PasswordHasher;
}

/** Everything about people and organisations, put together. */
export function createIdentity(options: IdentityOptions) {
  const { sql, clock, store, limits, hasher = new PasswordHasher() } = options;
  const directory = new Directory({ sql, clock });
  const access = new Access(directory);
  const people = new People(sql);
  const sessions = new Sessions({ sql, limits });
  const local = new LocalSignIn({ accounts: people, hasher });
  const signIn = new SignInCommands({ store, clock, local, people, sessions });
  const apiTokens = new ApiTokenCommands({ store, clock, access, directory });
  const organisations = new OrganisationCommands({ store, clock, directory });
  const users = new UserCommands({ store, clock, access, directory, people, sessions, signIn, apiTokens });
  return { access, directory, people, sessions, hasher, signIn, apiTokens, organisations, users };
}

export type Identity = ReturnType<typeof createIdentity>;
