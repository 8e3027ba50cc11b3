import type { PasswordHasher } from './password.js';

export interface SignedInUser {
  readonly userId: string;
}

/** One way to prove who one is. Answers `null` for every failure: why it failed is nobody's business outside. */
export interface SignInMethod<Credentials> {
  readonly method: 'local' | 'oidc' | 'saml' | 'ldap';
  authenticate(credentials: Credentials): Promise<SignedInUser | null>;
}

export interface LocalAccount {
  readonly userId: string;
  /** PHC string; `null` where the person signs in elsewhere. */
  readonly passwordHash: string | null;
  /** False for invited and disabled users. */
  readonly active: boolean;
}

export interface LocalAccounts {
  /** Upper and lower case of an address are one. */
  accountOf(email: string): Promise<LocalAccount | null>;
}

export interface PasswordCredentials {
  readonly email: string;
  readonly password: string;
}

/** E-mail and password. An unknown, a disabled and a mistaken user cost and learn the same. */
export class LocalSignIn implements SignInMethod<PasswordCredentials> {
  readonly method = 'local';
  readonly #accounts: LocalAccounts;
  readonly #hasher: PasswordHasher;

  constructor(options: { readonly accounts: LocalAccounts; readonly hasher: PasswordHasher }) {
    this.#accounts = options.accounts;
    this.#hasher = options.hasher;
  }

  async authenticate({ email, password }: PasswordCredentials): Promise<SignedInUser | null> {
    const account = await this.#accounts.accountOf(email);
    const matches = await this.#hasher.verify(password, account?.passwordHash ?? null);
    return account?.active && matches ? { userId: account.userId } : null;
  }
}
