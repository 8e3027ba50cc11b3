import { hostname } from 'node:os';
import { secret } from '@keyfleet/contracts';
import { EVENT_STORE_DRIVERS } from '@keyfleet/event-store/open';
import { tracingSettings } from '@keyfleet/telemetry/tracing';
import { z } from 'zod';

const connection = secret(z.url({ protocol: /^postgres(?:ql)?$/ }));
const HOUR_MS = 3_600_000;

/** Separated by commas. */
const list = z.array(z.string().min(1)).min(1);

export const databaseSettings = z.strictObject({
  /** As kf_store; not needed where `eventStore` names another. */
  storeUrl: connection.optional(),
  /** As kf_worker. */
  workerUrl: connection,
  /** As kf_identity: people, sessions and members are written by this service alone. */
  identityUrl: connection,
  pool: z.coerce.number().int().min(2).max(200).default(10),
});

/** Where events are stored; in the installation's PostgreSQL unless told otherwise. */
export const eventStoreSettings = z
  .strictObject({
    driver: z.enum(EVENT_STORE_DRIVERS).default('postgres'),
    /** `kurrentdb://…`, or `postgres://…` where it is another database than `database.storeUrl`. */
    url: secret(
      z.url({ protocol: /^(?:postgres(?:ql)?|(?:kurrentdb|kdb|esdb)(?:\+discover)?)$/ }),
    ).optional(),
  })
  .prefault({});

export const natsSettings = z.strictObject({
  /** Brokers as this service reaches them, separated by commas. */
  url: list,
  /** Brokers as agents reach them; the same by default. */
  agentUrls: list.optional(),
  credentialsFile: z.string().min(1),
  caFile: z.string().min(1),
  certFile: z.string().min(1),
  keyFile: z.string().min(1),
  /** Production refuses brokers with known holes unless told otherwise. */
  allowUnsafeVersion: z.stringbool().or(z.boolean()).default(false),
});

export const authoritySettings = z.strictObject({
  /** Where `init` put the keys of the installation. */
  directory: z.string().min(1),
});

export const operationsSettings = z
  .strictObject({
    host: z.string().min(1).default('127.0.0.1'),
    port: z.coerce.number().int().min(0).max(65_535).default(0),
  })
  .prefault({});

export const sessionSettings = z
  .strictObject({
    /** Hours without use after which a session is over. */
    idleHours: z.coerce.number().min(0.01).max(720).default(12),
    /** Hours after which it is over however much it is used. */
    absoluteHours: z.coerce.number().min(0.01).max(8_760).default(168),
    /** Sessions of one user at a time; the oldest give way. */
    concurrent: z.coerce.number().int().min(1).max(1_000).default(10),
  })
  .prefault({});

export const enrolmentSettings = z
  .strictObject({
    /** Enrolments, and renewals, at once in one process; each costs a signature and two appends. */
    concurrency: z.coerce.number().int().min(1).max(1_000).default(8),
    /** How long an agent's certificate and broker credentials live; it renews them at half of that. */
    credentialLifeSeconds: z.coerce.number().int().min(10).max(86_400).default(86_400),
  })
  .prefault({});

export const replicaSettings = z
  .strictObject({
    /** Tells this replica from others; a restart may keep it. Host and operations port by default. */
    id: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/)
      .optional(),
  })
  .prefault({});

export const registryConfig = z.strictObject({
  database: databaseSettings,
  eventStore: eventStoreSettings,
  nats: natsSettings,
  authority: authoritySettings,
  operations: operationsSettings,
  tracing: tracingSettings,
  session: sessionSettings,
  enrolment: enrolmentSettings,
  replica: replicaSettings,
});

export type RegistryConfig = z.infer<typeof registryConfig>;

export function sessionLimits({ idleHours, absoluteHours, concurrent }: RegistryConfig['session']) {
  return { idleMs: idleHours * HOUR_MS, absoluteMs: absoluteHours * HOUR_MS, concurrent };
}

/** The same after a restart of the same replica: detection then goes on without a blind moment. */
export function replicaId(config: Pick<RegistryConfig, 'replica'>, operationsPort: number): string {
  const host = hostname()
    .replaceAll(/[^A-Za-z0-9_-]/g, '-')
    .slice(0, 50);
  return config.replica.id ?? `${host}-${operationsPort}`;
}
