import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { KeyfleetError } from '@keyfleet/kernel';
import { ConcurrencyLimit } from './concurrency.js';

export interface PasswordCost {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** OWASP's first choice for argon2id. */
const COST: PasswordCost = { memoryKiB: 19_456, passes: 2, parallelism: 1 };
const HASH_BYTES = 32;
/** With two at a time of 40 to 60 ms each, the last of these waits 2 s. */
const MAX_WAITING = 64;

export interface PasswordHasherOptions {
  readonly cost?: PasswordCost;
  /** At once in this process; each takes `memoryKiB` and a thread. */
  readonly concurrency?: number;
}

interface Stored {
  readonly cost: PasswordCost;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** Hashes passwords with argon2id, a bounded number at a time, in the PHC string format. */
export class PasswordHasher {
  readonly #cost: PasswordCost;
  readonly #limit: ConcurrencyLimit;
  /** Nobody's password: what an unknown user is compared with, at the same price. */
  readonly #nobody: Stored;

  constructor(options: PasswordHasherOptions = {}) {
    this.#cost = options.cost ?? COST;
    this.#limit = new ConcurrencyLimit({
      running: options.concurrency ?? 2,
      waiting: MAX_WAITING,
      refuse: () => new KeyfleetError('rate.limited', { retryAfterMs: 2_000 }),
    });
    this.#nobody = { cost: this.#cost, salt: randomBytes(16), hash: randomBytes(HASH_BYTES) };
  }

  async hash(password: string): Promise<string> {
    const salt = randomBytes(16);
    const hash = await this.#derive(password, salt, this.#cost);
    const { memoryKiB, passes, parallelism } = this.#cost;
    return `$argon2id$v=19$m=${memoryKiB},t=${passes},p=${parallelism}$${text(salt)}$${text(hash)}`;
  }

  /** `null` for somebody who has no password here: takes as long as a wrong password, and is one. */
  async verify(password: string, stored: string | null): Promise<boolean> {
    const { cost, salt, hash } = stored === null ? this.#nobody : parse(stored);
    return timingSafeEqual(await this.#derive(password, salt, cost), hash);
  }

  #derive(password: string, salt: Buffer, cost: PasswordCost): Promise<Buffer> {
    const parameters = {
      // The same password typed on another keyboard may come in another Unicode form.
      message: password.normalize('NFC'),
      nonce: salt,
      memory: cost.memoryKiB,
      passes: cost.passes,
      parallelism: cost.parallelism,
      tagLength: HASH_BYTES,
    };
    return this.#limit.run(
      () =>
        new Promise((resolve, reject) => {
          argon2('argon2id', parameters, (error, key) => (error ? reject(error) : resolve(key)));
        }),
    );
  }
}

function text(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}

const PHC =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/;

function parse(stored: string): Stored {
  const [, memory, passes, parallelism, salt, hash] = PHC.exec(stored) ?? [];
  if (!salt || !hash) throw new TypeError('a stored password hash is not in the format this service writes');
  return {
    cost: { memoryKiB: Number(memory), passes: Number(passes), parallelism: Number(parallelism) },
    salt: Buffer.from(salt, 'base64'),
    hash: Buffer.from(hash, 'base64'),
  };
}
