import { z } from 'zod';

const connection = z.url({ protocol: /^postgres(?:ql)?$/ });

export const analyticsConfig = z.strictObject({
  database: z.strictObject({ storeUrl: connection, workerUrl: connection }),
  nats: z.strictObject({
    url: z.string(),
    credentialsFile: z.string(),
    caFile: z.string(),
    certFile: z.string(),
    keyFile: z.string(),
  }),
  operations: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1'),
      port: z.coerce.number().int().min(0).max(65_535).default(0),
    })
    .prefault({}),
});

export type AnalyticsConfig = z.infer<typeof analyticsConfig>;
