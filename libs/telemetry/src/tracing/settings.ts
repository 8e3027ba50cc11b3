import { z } from 'zod';

/** `KEYFLEET_TRACING__ENDPOINT` and so on. Without an endpoint nothing is traced and nothing of it is loaded. */
export const tracingSettings = z
  .strictObject({
    /** Where spans go, OTLP over HTTP: `http://collector:4318/v1/traces`. */
    endpoint: z.url({ protocol: /^https?$/ }).optional(),
    /** Of the traces that begin here; those begun elsewhere go by what began them. */
    ratio: z.coerce.number().min(0).max(1).default(1),
    /** A header line for the collector, `name: value`, from a file: it is usually a credential. */
    headerFile: z.string().min(1).optional(),
  })
  .prefault({});

export type TracingSettings = z.infer<typeof tracingSettings>;
