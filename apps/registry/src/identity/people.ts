import type { LocalAccount, LocalAccounts } from '@keyfleet/auth';
import type { Sql } from '@keyfleet/postgres';

export interface NewPerson {
  readonly userId: string;
  readonly email: string;
  readonly name: string;
  readonly passwordHash: string | null;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** E-mail, name and password of people: in no event, and gone when they are erased. */
export class People implements LocalAccounts {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async accountOf(email: string): Promise<LocalAccount | null> {
    const [row] = await this.#sql<{ user_id: string; password_hash: string | null; status: string | null }[]>`
      select p.user_id, p.password_hash, u.status from identity.people p
      left join identity.users u using (user_id) where p.email_key = ${emailKey(email)}`;
    if (!row) return null;
    return { userId: row.user_id, passwordHash: row.password_hash, active: row.status === 'active' };
  }

  /** The organisation whose facts tell of the user; `null` where the user is not known. */
  async homeOf(userId: string): Promise<string | null> {
    const [row] = await this.#sql<{ home_org_id: string }[]>`
      select home_org_id from identity.users where user_id = ${userId}`;
    return row?.home_org_id ?? null;
  }

  /** The id under which the e-mail is known: the given one, or that of whoever was first. */
  async add(person: NewPerson): Promise<string> {
    const at = new Date(person.now).toISOString();
    const key = emailKey(person.email);
    await this.#sql`
      insert into identity.people (user_id, email, email_key, name, password_hash, created_at, updated_at)
      values (${person.userId}, ${person.email}, ${key}, ${person.name}, ${person.passwordHash}, ${at}, ${at})
      on conflict (email_key) do nothing`;
    // A statement of its own: whom another one added meanwhile shows only now.
    const [row] = await this.#sql<{ user_id: string }[]>`
      select user_id from identity.people where email_key = ${key}`;
    return (row as { user_id: string }).user_id;
  }

  async setPassword(userId: string, passwordHash: string, now: number): Promise<void> {
    await this.#sql`
      update identity.people set password_hash = ${passwordHash}, updated_at = ${new Date(now).toISOString()}
      where user_id = ${userId}`;
  }

  /** What the law calls forgetting: facts keep an id that leads to nobody. */
  async erase(userId: string): Promise<void> {
    await this.#sql`delete from identity.people where user_id = ${userId}`;
  }
}

/** One mailbox, however it is typed. */
function emailKey(email: string): string {
  return email.normalize('NFKC').toLowerCase();
}
