import { secret } from '@keyfleet/contracts';
import { EVENT_STORE_DRIVERS } from '@keyfleet/event-store/open';
import { tracingSettings } from '@keyfleet/telemetry/tracing';
import { z } from 'zod';

const connection = secret(z.url({ protocol: /^postgres(?:ql)?$/ }));

/** Where events are stored; in the installation's PostgreSQL unless told otherwise. */
const eventStoreSettings = z
  .strictObject({
    driver: z.enum(EVENT_STORE_DRIVERS).default('postgres'),
    /** `kurrentdb://…`, or `postgres://…` where it is another database than `database.storeUrl`. */
    url: secret(
      z.url({ protocol: /^(?:postgres(?:ql)?|(?:kurrentdb|kdb|esdb)(?:\+discover)?)$/ }),
    ).optional(),
  })
  .prefault({});

export const notifyConfig = z.strictObject({
  database: z.strictObject({
    /** As kf_store; not needed where `eventStore` names another. */
    storeUrl: connection.optional(),
    /** As kf_worker. */
    workerUrl: connection,
  }),
  eventStore: eventStoreSettings,
  redis: z.strictObject({ url: secret(z.url({ protocol: /^rediss?$/ })) }),
  nats: z.strictObject({
    /** Brokers, separated by commas. */
    url: z.array(z.string().min(1)).min(1),
    credentialsFile: z.string().min(1),
    caFile: z.string().min(1),
    certFile: z.string().min(1),
    keyFile: z.string().min(1),
    /** Production refuses brokers with known holes unless told otherwise. */
    allowUnsafeVersion: z.stringbool().or(z.boolean()).default(false),
  }),
  tracing: tracingSettings,
  operations: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1'),
      port: z.coerce.number().int().min(0).max(65_535).default(0),
    })
    .prefault({}),
});

export type NotifyConfig = z.infer<typeof notifyConfig>;
