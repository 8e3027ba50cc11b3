import Fastify from 'fastify';
import postgres from 'postgres';

/** What the gateway is compared with: the same rows by the same query, and nothing else done. */
export interface BareSettings {
  readonly databaseUrl: string;
  /** Path -> statement and its parameters. */
  readonly queries: Readonly<
    Record<string, { readonly text: string; readonly parameters: readonly unknown[] }>
  >;
  readonly port: number;
}

const { databaseUrl, queries, port } = JSON.parse(
  process.env['KEYFLEET_BARE_SERVER'] ?? '{}',
) as BareSettings;
const sql = postgres(databaseUrl, { max: 10, onnotice: () => {} });
const app = Fastify({ logger: false });
for (const [path, { text, parameters }] of Object.entries(queries))
  app.get(path, async () => sql.unsafe(text, [...parameters] as never[], { prepare: true }));
process.once('disconnect', () => process.exit(0));
await app.listen({ host: '127.0.0.1', port });
