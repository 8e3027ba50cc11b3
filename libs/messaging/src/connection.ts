import { readFileSync } from 'node:fs';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { KeyPair } from '@nats-io/nkeys';
import {
  type Authenticator,
  type ConnectionOptions,
  connect,
  type NatsConnection,
  type ServerInfo,
} from '@nats-io/transport-node';
import { keyPairOf } from './broker/keys.js';

/** What a client proves who it is with; read again at every attempt, so a renewed one counts from the next. */
export interface BrokerIdentity {
  /** NATS user JWT. */
  readonly jwt: string;
  /** Seed of its NKey. */
  readonly seed: string;
  /** TLS client certificate and its key, PEM. */
  readonly certificate: string;
  readonly privateKey: string;
  /** Authorities to believe, PEM. */
  readonly trustBundle: string;
}

/** What a broker showed of itself when it was reached. */
export interface ShownBroker {
  /** Name of the connection it was reached by, as in its options. */
  readonly connection: string;
  /** When its certificate ends, in milliseconds since 1970. */
  readonly certificateEndsAt: number;
}

export interface BrokerOptions {
  readonly servers: readonly string[];
  readonly identity: () => BrokerIdentity;
  readonly inboxPrefix: string;
  /** Shown by the broker's monitoring; an id or a service's name, nothing else. */
  readonly name: string;
  /** Reconnects are spread evenly over this long, in milliseconds; the last value counts. */
  readonly reconnectWindowMs?: () => number;
  /** Also try for ever before the first connection; otherwise the first failure rejects. */
  readonly waitOnFirstConnect?: boolean;
  /** One attempt, TLS handshake included; a broker that dislikes a certificate just falls silent. */
  readonly attemptTimeoutMs?: number;
  readonly random?: () => number;
  /** Called for every attempt, the first included, with the milliseconds until it is made. */
  readonly onAttempt?: (inMs: number) => void;
  /**
   * Called when a broker showed us its certificate, so it is there, whatever becomes of the attempt. (One that dislikes
   * our certificate falls silent, and the library says nothing of a reconnect that fails.)
   */
  readonly onBroker?: (broker: ShownBroker) => void;
}

const SERVICE_WINDOW_MS = 2_000;
const MIN_PAUSE_MS = 100;
/** The broker's own limit for a handshake: a crowded one is slow, not gone. */
const ATTEMPT_TIMEOUT_MS = 10_000;

/**
 * Options of a client that never gives up: it draws a fresh moment from the window before *every* attempt after the
 * first connection. (The library's own jitter leaves the first attempt at once, which is when all agents come.)
 */
export function natsConnectionOptions(options: BrokerOptions): ConnectionOptions {
  const random = options.random ?? Math.random;
  const window = options.reconnectWindowMs ?? (() => SERVICE_WINDOW_MS);
  const identity = lastGood(options.identity);
  let attempts = 0;
  return {
    servers: [...options.servers],
    name: options.name,
    inboxPrefix: options.inboxPrefix,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    timeout: options.attemptTimeoutMs ?? ATTEMPT_TIMEOUT_MS,
    waitOnFirstConnect: options.waitOnFirstConnect ?? false,
    ignoreClusterUpdates: false,
    reconnectTimeWait: 0,
    reconnectDelayHandler: () => 0,
    reconnectToServer: ([server]) => {
      attempts += 1;
      const delay = attempts === 1 ? 0 : Math.max(MIN_PAUSE_MS, random() * window());
      options.onAttempt?.(delay);
      return server ? { server, delay } : null;
    },
    authenticator: authenticatorOf(identity),
    tls: tlsOf(identity, (certificate) => options.onBroker?.(shownBy(options.name, certificate))),
  };
}

function authenticatorOf(identity: () => BrokerIdentity): Authenticator {
  let known: { seed: string; pair: KeyPair } | undefined;
  return (nonce) => {
    const { jwt, seed } = identity();
    if (known?.seed !== seed) known = { seed, pair: keyPairOf(seed) };
    const signature = nonce ? known.pair.sign(Buffer.from(nonce)) : new Uint8Array();
    // The key stands in the JWT; to name it as well would cost more than signing does.
    return { jwt, sig: Buffer.from(signature).toString('base64') };
  };
}

/** An identity that cannot be read at this moment must not end the client: the library closes for good when asked in vain. */
function lastGood(read: () => BrokerIdentity): () => BrokerIdentity {
  let last: BrokerIdentity | undefined;
  return () => {
    try {
      last = read();
    } catch (error) {
      if (!last) throw error;
    }
    return last;
  };
}

function shownBy(connection: string, certificate: PeerCertificate): ShownBroker {
  return { connection, certificateEndsAt: Date.parse(certificate.valid_to) };
}

function tlsOf(
  identity: () => BrokerIdentity,
  onBroker: (certificate: PeerCertificate) => void,
): NonNullable<ConnectionOptions['tls']> {
  const tls = {
    get cert() {
      return identity().certificate;
    },
    get key() {
      return identity().privateKey;
    },
    get ca() {
      return identity().trustBundle;
    },
    minVersion: 'TLSv1.3',
    // Our agents and services present what they were issued; nothing is ever taken from the operating system's store.
    rejectUnauthorized: true,
    checkServerIdentity: (host: string, certificate: PeerCertificate) => {
      onBroker(certificate);
      return checkServerIdentity(host, certificate);
    },
  };
  return tls;
}

/** Connects as one of our services or as an agent; reconnects for ever. */
export function connectNats(options: BrokerOptions): Promise<NatsConnection> {
  return connect(natsConnectionOptions(options));
}

const CREDENTIALS =
  /-{3,}BEGIN NATS USER JWT-{3,}\s+(\S+)\s+-{3,}END[\s\S]+-{3,}BEGIN USER NKEY SEED-{3,}\s+(\S+)\s+-{3,}END/;

/** JWT and seed of a credentials file's text. */
export function parseCredentials(text: string): { readonly jwt: string; readonly seed: string } {
  const match = CREDENTIALS.exec(text);
  if (!match?.[1] || !match[2]) throw new Error('not a NATS credentials file');
  return { jwt: match[1], seed: match[2] };
}

export interface IdentityFiles {
  readonly credentialsFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

/** An identity from files, read at every attempt. */
export function identityFromFiles(files: IdentityFiles): () => BrokerIdentity {
  const read = (path: string) => readFileSync(path, 'utf8');
  return () => ({
    ...parseCredentials(read(files.credentialsFile)),
    certificate: read(files.certificateFile),
    privateKey: read(files.keyFile),
    trustBundle: read(files.caFile),
  });
}

/** The version a connected broker says it has. */
export function brokerVersion(connection: { readonly info?: ServerInfo }): string {
  return connection.info?.version ?? 'unknown';
}
