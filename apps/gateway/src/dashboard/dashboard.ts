import { existsSync } from 'node:fs';
import { join } from 'node:path';
import statics from '@fastify/static';
import type { FastifyInstance } from 'fastify';

/** Serves the built dashboard; its own routes (everything outside /api and /assets) answer with the page itself. */
export async function serveDashboard(fastify: FastifyInstance, folder: string): Promise<void> {
  if (!existsSync(join(folder, 'index.html')))
    throw new Error(`There is no dashboard in ${folder}; build it first.`);
  await fastify.register(statics, {
    root: folder,
    prefix: '/',
    wildcard: false,
    index: false,
    // Names of assets carry their hash; the page itself must be asked for again.
    setHeaders: (reply, path) => {
      reply.header(
        'cache-control',
        path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      );
    },
  });
  const page = (_request: unknown, reply: { sendFile(name: string): unknown }) =>
    reply.sendFile('index.html');
  for (const route of ['/', '/sign-in', '/orgs', '/orgs/*']) fastify.get(route, page as never);
}
