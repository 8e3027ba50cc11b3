import { tracingSettings } from '@keyfleet/telemetry/tracing';
import { z } from 'zod';

const connection = z.url({ protocol: /^postgres(?:ql)?$/ });

export const gatewayConfig = z.strictObject({
  http: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      port: z.coerce.number().int().min(0).max(65_535).default(8_080),
      /** Networks whose X-Forwarded-For is believed; none by default. */
      trustedProxies: z
        .string()
        .transform((list) =>
          list
            .split(',')
            .map((item) => item.trim())
            .filter(Boolean),
        )
        .default([]),
      /** PEM files; without them the gateway speaks plain HTTP and must stand on loopback or behind a proxy. */
      certificateFile: z.string().optional(),
      keyFile: z.string().optional(),
    })
    .prefault({}),
  database: z.strictObject({
    authUrl: connection,
    readerUrl: connection,
    pool: z.coerce.number().int().min(1).max(200).default(10),
  }),
  redis: z.strictObject({ url: z.url({ protocol: /^rediss?$/ }) }),
  nats: z.strictObject({
    /** Brokers, separated by commas. */
    url: z.array(z.string().min(1)).min(1),
    credentialsFile: z.string().min(1),
    caFile: z.string().min(1),
    certFile: z.string().min(1),
    keyFile: z.string().min(1),
  }),
  operations: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1'),
      port: z.coerce.number().int().min(0).max(65_535).default(0),
    })
    .prefault({}),
  tracing: tracingSettings,
  graphql: z.strictObject({ introspection: z.stringbool().default(false) }).prefault({}),
  cursor: z.strictObject({ secret: z.string().min(32) }),
});

export type GatewayConfig = z.infer<typeof gatewayConfig>;
