import { append } from './append.js';
import { appendBatch } from './append-batch.js';
import type { Bench } from './bench.js';
import { heartbeat } from './heartbeat.js';
import { ingest } from './ingest.js';

/** In the order of the table. */
export const BENCHES: readonly Bench[] = [append, appendBatch, ingest, heartbeat];
