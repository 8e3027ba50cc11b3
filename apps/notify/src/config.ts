import { z } from 'zod';

const connection = z.url({ protocol: /^postgres(?:ql)?$/ });

export const notifyConfig = z.strictObject({
  database: z.strictObject({ storeUrl: connection, workerUrl: connection }),
  redis: z.strictObject({ url: z.url({ protocol: /^rediss?$/ }) }),
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

export type NotifyConfig = z.infer<typeof notifyConfig>;
