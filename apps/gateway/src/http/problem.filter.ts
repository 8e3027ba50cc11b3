import { KeyfleetError } from '@keyfleet/kernel';
import { isUnexpected, PROBLEM_CONTENT_TYPE, type ProblemAnswer, toProblem } from '@keyfleet/platform';
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AllowedMethods } from './allowed-methods.js';
import type { Logger } from './logger.js';
import { traceIdOf } from './trace.js';

/** Every error leaves as one problem document; what we did not foresee is logged here and told as `internal.error`. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #logger: Logger;
  readonly #methods: AllowedMethods;

  constructor(logger: Logger, methods: AllowedMethods) {
    this.#logger = logger;
    this.#methods = methods;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    // GraphQL formats its own errors (graphql/errors.ts); rethrowing hands them there.
    if (host.getType<'http' | 'graphql'>() === 'graphql') throw error;
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    this.answer(error, request, reply);
  }

  /** Also for what fails before Nest sees the request. */
  answer(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const error = inOurWords(thrown);
    const traceId = traceIdOf(request);
    if (isUnexpected(error)) {
      this.#logger.error({ err: error, traceId, route: request.routeOptions?.url }, 'request failed');
    }
    const { headers, body } = this.#withMethods(toProblem(error, { instance: pathOf(request), traceId }));
    reply.headers(headers);
    if (body.status === 401) reply.header('www-authenticate', 'Bearer realm="keyfleet"');
    reply.status(body.status).header('content-type', PROBLEM_CONTENT_TYPE).send(JSON.stringify(body));
  }

  /** What is no operation by this method, but one by another, is a 405 that names them. */
  #withMethods({ headers, body }: ProblemAnswer): Pick<ProblemAnswer, 'headers' | 'body'> {
    const methods = body.code === 'request.unknown-operation' ? this.#methods.of(body.instance) : [];
    if (methods.length === 0) return { headers, body };
    const detail = `This takes ${methods.join(', ')}.`;
    return {
      headers: { ...headers, allow: methods.join(', ') },
      body: { ...body, status: 405, title: 'Method not allowed', detail },
    };
  }
}

/** Refusals of the HTTP framework, which knows a status and words of its own; anything else as it is. */
function inOurWords(error: unknown): unknown {
  const { code, statusCode } = (error ?? {}) as { readonly code?: unknown; readonly statusCode?: unknown };
  if (typeof code !== 'string' || !code.startsWith('FST_') || typeof statusCode !== 'number') return error;
  if (code === 'FST_ERR_BAD_URL')
    return new KeyfleetError('request.malformed', { detail: 'The address could not be read.' });
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new KeyfleetError('request.malformed', { detail: 'Send the body as application/json.' });
  if (statusCode === 413 || statusCode === 414) return new KeyfleetError('request.too-large');
  return statusCode >= 400 && statusCode < 500 ? new KeyfleetError('request.malformed') : error;
}

/** The path alone: a query may carry what its sender did not mean to see again. */
function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '/';
}
