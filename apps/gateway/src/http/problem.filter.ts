import { isUnexpected, PROBLEM_CONTENT_TYPE, toProblem } from '@keyfleet/platform';
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from './logger.js';
import { traceIdOf } from './trace.js';

/** Every error leaves as one problem document; what we did not foresee is logged here and told as `internal.error`. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    // GraphQL formats its own errors (graphql/errors.ts); rethrowing hands them there.
    if (host.getType<'http' | 'graphql'>() === 'graphql') throw error;
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    this.answer(error, request, reply);
  }

  /** Also for what fails before Nest sees the request. */
  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const traceId = traceIdOf(request);
    if (isUnexpected(error)) {
      this.#logger.error({ err: error, traceId, route: request.routeOptions?.url }, 'request failed');
    }
    const { status, headers, body } = toProblem(error, { instance: pathOf(request), traceId });
    reply.headers(headers);
    if (status === 401) reply.header('www-authenticate', 'Bearer realm="keyfleet"');
    reply.status(status).header('content-type', PROBLEM_CONTENT_TYPE).send(JSON.stringify(body));
  }
}

/** The path alone: a query may carry what its sender did not mean to see again. */
function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '/';
}
