import type { FastifyReply } from 'fastify';
import type { CommandAnswer } from '../commands/registry-commands.js';

/** What every write answers beside its body: where the store is now, and the revision to insist on next time. */
export function answerWrite<Data>(reply: FastifyReply, answer: CommandAnswer<Data>): Data {
  if (answer.position !== undefined) reply.header('keyfleet-position', answer.position);
  if (answer.revision !== undefined) reply.header('etag', `W/"${answer.revision}"`);
  return answer.data;
}
