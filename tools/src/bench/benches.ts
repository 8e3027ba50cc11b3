import { agentRead } from './agent-read.js';
import { append } from './append.js';
import { appendBatch } from './append-batch.js';
import type { Bench } from './bench.js';
import { decision } from './decision/decision.js';
import { gatewayBench } from './gateway.js';
import { heartbeat } from './heartbeat.js';
import { ingest } from './ingest.js';
import { rebuild } from './rebuild.js';
import { start } from './start.js';

/** In the order of the table. */
export const BENCHES: readonly Bench[] = [
  append,
  appendBatch,
  ingest,
  heartbeat,
  gatewayBench('gateway-read', 'one agent by id, beside bare Fastify + postgres.js with the same query'),
  gatewayBench('gateway-list', 'a page of 50 agents, beside the same'),
  gatewayBench('graphql', 'the same page by GraphQL, beside the same'),
  agentRead,
  decision,
  rebuild,
  start,
];
