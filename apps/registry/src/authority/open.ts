import { join } from 'node:path';
import type { Clock } from '@keyfleet/kernel';
import {
  AUTHORITY_INBOX,
  assertBrokerVersion,
  brokerVersion,
  connectNats,
  identityFromFiles,
  publicKeyOf,
} from '@keyfleet/messaging';
import type { Sql } from '@keyfleet/postgres';
import type { NatsConnection } from '@nats-io/transport-node';
import { Authority } from './authority.js';
import { BrokerClaims } from './broker-claims.js';
import { type AuthorityKeys, FILES, readAuthorityKeys } from './files.js';
import { ClaimsReconciler, type ReconcileResult } from './reconciler.js';
import { RevocationTable } from './revocations.js';

export interface OpenAuthorityOptions {
  /** KEYFLEET_AUTHORITY__DIRECTORY. */
  readonly directory: string;
  /** As `kf_worker`. */
  readonly sql: Sql;
  /** Brokers as the registry itself reaches them. */
  readonly servers: readonly string[];
  /** Brokers as agents reach them; the same unless told otherwise. */
  readonly agentServers?: readonly string[];
  readonly clock: Clock;
  readonly production: boolean;
  /** KEYFLEET_NATS__ALLOW_UNSAFE_VERSION. */
  readonly allowUnsafeBroker?: boolean;
  readonly intervalMs?: number;
  /** Of agents' credentials; never more than 24 hours, which is the default. */
  readonly credentialLifeMs?: number;
  readonly onResult?: (result: ReconcileResult, takenOver: number) => void;
  readonly onError?: (error: unknown) => void;
}

export interface OpenAuthority {
  readonly authority: Authority;
  readonly installationId: string;
  readonly reconciler: ClaimsReconciler;
  /** Whether the brokers' claims were compared with the table since the last connect. */
  isReady(): boolean;
  close(): Promise<void>;
}

/** Reads the keys, connects as the system user and keeps the brokers' claims true until closed. Waits for a broker. */
export async function openAuthority(options: OpenAuthorityOptions): Promise<OpenAuthority> {
  const keys = readAuthorityKeys(options.directory);
  const connection = await connectNats({
    servers: options.servers,
    identity: systemIdentity(options.directory),
    inboxPrefix: AUTHORITY_INBOX,
    name: 'authority',
    waitOnFirstConnect: true,
  });
  const gate = { production: options.production, allowUnsafe: options.allowUnsafeBroker ?? false };
  try {
    assertBrokerVersion(brokerVersion(connection), gate);
  } catch (error) {
    await connection.close();
    throw error;
  }
  let ready = false;
  const reconciler = new ClaimsReconciler({
    ...options,
    broker: new BrokerClaims(connection, keys.installation.account),
    keys: accountKeys(keys),
    operatorSigning: keys.operatorSigning,
    onResult: (result, takenOver) => {
      ready = true;
      options.onResult?.(result, takenOver);
    },
  });
  const revocations = new RevocationTable(options.sql);
  const { agentServers: brokerUrls = options.servers, clock, credentialLifeMs } = options;
  const authority = await Authority.create({
    ...{ keys, revocations, reconciler, brokerUrls, clock },
    ...(credentialLifeMs !== undefined && { credentialLifeMs }),
  });
  const watching = watch(connection, {
    onLost: () => {
      ready = false;
    },
    onBack: () => {
      reconciler.forget();
      reconciler.check().catch((error) => options.onError?.(error));
    },
  });
  reconciler.start();
  return {
    authority,
    installationId: keys.installation.id,
    reconciler,
    isReady: () => ready,
    close: async () => {
      await reconciler.stop();
      await connection.close();
      await watching;
    },
  };
}

export function systemIdentity(directory: string) {
  return identityFromFiles({
    credentialsFile: join(directory, FILES.system.credentials),
    certificateFile: join(directory, FILES.system.certificate),
    keyFile: join(directory, FILES.system.key),
    caFile: join(directory, FILES.ca.certificate),
  });
}

function accountKeys(keys: AuthorityKeys) {
  const { otherAgentsKey } = keys;
  return {
    account: keys.installation.account,
    services: publicKeyOf(keys.services),
    agents: [publicKeyOf(keys.agents), ...(otherAgentsKey ? [otherAgentsKey] : [])],
  };
}

async function watch(
  connection: NatsConnection,
  on: { onLost: () => void; onBack: () => void },
): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === 'disconnect') on.onLost();
    if (status.type === 'reconnect') on.onBack();
  }
}
