import { createPrivateKey, sign } from 'node:crypto';
import { createAccount, createOperator, createUser, fromSeed, type KeyPair } from '@nats-io/nkeys';

/** Seeds (`S…`) of one installation's broker. Each is a secret. */
export interface BrokerSeeds {
  /** Makes signing keys only; may be kept off the machine once the installation is initialised. */
  readonly operator: string;
  /** Signs account claims. */
  readonly operatorSigning: string;
  readonly systemAccount: string;
  readonly account: string;
  /** Signs our services' users; the only key a broker knows before the first push. */
  readonly services: string;
  /** Signs agents' users, bounded by the template. */
  readonly agents: string;
}

const text = (pair: KeyPair) => Buffer.from(pair.getSeed()).toString('latin1');

export function generateBrokerSeeds(): BrokerSeeds {
  return {
    operator: text(createOperator()),
    operatorSigning: text(createOperator()),
    systemAccount: text(createAccount()),
    account: text(createAccount()),
    services: text(createAccount()),
    agents: text(createAccount()),
  };
}

/** Seed of a new user: an agent, a service, or a key that signs commands. */
export function generateUserSeed(): string {
  return text(createUser());
}

const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * The pair of a seed. The library computes in JavaScript (12 ms a signature, 4 ms to know its own public key); this one
 * signs natively and remembers.
 */
export function keyPairOf(seed: string): KeyPair {
  const slow = fromSeed(Buffer.from(seed.trim(), 'latin1')) as KeyPair & { getRawSeed(): Uint8Array };
  const der = Buffer.concat([PKCS8, slow.getRawSeed()]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  let publicKey: string | undefined;
  let privateKey: Uint8Array | undefined;
  const fast: Pick<KeyPair, 'getPublicKey' | 'getPrivateKey' | 'sign'> = {
    getPublicKey: () => {
      publicKey ??= slow.getPublicKey();
      return publicKey;
    },
    // Asked for by whoever signs a JWT, to see that there is one.
    getPrivateKey: () => {
      privateKey ??= slow.getPrivateKey();
      return privateKey;
    },
    sign: (input) => sign(null, input, key),
  };
  return Object.assign(Object.create(slow) as KeyPair, fast);
}

export function publicKeyOf(seed: string): string {
  return fromSeed(Buffer.from(seed.trim(), 'latin1')).getPublicKey();
}
