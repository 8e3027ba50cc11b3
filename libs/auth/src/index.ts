export { ConcurrencyLimit, type ConcurrencyLimitOptions } from './concurrency.js';
export { type PasswordCost, PasswordHasher, type PasswordHasherOptions } from './password.js';
export {
  type EnrolmentSecret,
  hashSecret,
  type MintedSecret,
  mintApiToken,
  mintEnrolmentToken,
  mintSessionSecret,
  parseEnrolmentToken,
  sameHash,
} from './secrets.js';
export {
  type LocalAccount,
  type LocalAccounts,
  LocalSignIn,
  type PasswordCredentials,
  type SignedInUser,
  type SignInMethod,
} from './sign-in.js';
