import { type ReadAccountClaims, readAccountClaims } from '@keyfleet/messaging';
import type { NatsConnection } from '@nats-io/transport-node';

const ANSWER_MS = 3_000;
/** Servers of a cluster answer a ping one by one; after this long without another, that was all. */
const STALL_MS = 250;

/** What brokers say about the account; `null` where one has never heard of it. */
export interface SeenClaims {
  readonly jwt: string;
  readonly claims: ReadAccountClaims;
}

export interface ServerClaims {
  readonly server: string;
  /** `null`: the server has loaded none yet, and will take what lies in its directory. */
  readonly seen: SeenClaims | null;
}

interface AccountStatus {
  readonly server?: { readonly id?: string };
  readonly data?: { readonly account_detail?: { readonly jwt?: string } } | null;
}

/** The account's claims on the brokers, read and written as the system user. */
export class BrokerClaims {
  readonly #connection: Pick<NatsConnection, 'request' | 'requestMany'>;
  readonly #account: string;

  constructor(connection: Pick<NatsConnection, 'request' | 'requestMany'>, account: string) {
    this.#connection = connection;
    this.#account = account;
  }

  /** What lies in the directory of whichever server answers first. */
  async stored(): Promise<SeenClaims | null> {
    const answer = await this.#connection.request(`$SYS.REQ.ACCOUNT.${this.#account}.CLAIMS.LOOKUP`, '', {
      timeout: ANSWER_MS,
    });
    return read(answer.string());
  }

  /** What each server goes by at this moment. */
  async live(): Promise<ServerClaims[]> {
    const answers = await this.#connection.requestMany(
      '$SYS.REQ.SERVER.PING.ACCOUNTZ',
      JSON.stringify({ account: this.#account }),
      { maxWait: ANSWER_MS, stall: STALL_MS, strategy: 'stall' },
    );
    const found: ServerClaims[] = [];
    for await (const answer of answers) {
      if (answer.data.length === 0) continue;
      const status = answer.json<AccountStatus>();
      found.push({
        server: status.server?.id ?? 'unknown',
        seen: read(status.data?.account_detail?.jwt ?? ''),
      });
    }
    return found;
  }

  /** Tells all servers; resolves once one has said that it goes by these claims. */
  async push(jwt: string): Promise<void> {
    const answer = await this.#connection.request('$SYS.REQ.CLAIMS.UPDATE', jwt, { timeout: ANSWER_MS });
    const { error, data } = answer.json<{
      error?: { description?: string };
      data?: { code?: number };
    }>();
    if (error || data?.code !== 200)
      throw new Error(`The broker refused the account claims: ${error?.description ?? 'no reason given'}`);
  }
}

function read(jwt: string): SeenClaims | null {
  if (!jwt) return null;
  return { jwt, claims: readAccountClaims(jwt) };
}
