import { KeyfleetError } from '@keyfleet/kernel';
import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  SetMetadata,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import { FLEET_READS, type FleetReads } from '../reads/fleet-reads.js';

const READ_MODELS = 'keyfleet:read-models';
const CEILING_MS = 2_000;
/** As stores that count their events give them out. */
const POSITION = /^(?:0|[1-9]\d{0,18})$/;

/** Names the read models a query answers from, so that a reader can wait for its own write. */
export const ReadsFrom = (...readModels: string[]) => SetMetadata(READ_MODELS, readModels);

/** A request with `Keyfleet-Position` waits for the projections its query names, then says so where they lag. */
@Injectable()
export class FreshReads implements NestInterceptor {
  readonly #reflector: Reflector;
  readonly #reads: FleetReads;

  constructor(@Inject(Reflector) reflector: Reflector, @Inject(FLEET_READS) reads: FleetReads) {
    this.#reflector = reflector;
    this.#reads = reads;
  }

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const readModels = this.#reflector.get<string[] | undefined>(READ_MODELS, context.getHandler());
    if (readModels && context.getType() === 'http') await this.#wait(context, readModels);
    return next.handle();
  }

  async #wait(context: ExecutionContext, readModels: readonly string[]): Promise<void> {
    const position = context.switchToHttp().getRequest<FastifyRequest>().headers['keyfleet-position'];
    if (position === undefined) return;
    if (typeof position !== 'string' || !POSITION.test(position)) {
      throw new KeyfleetError('request.invalid', {
        errors: [
          { pointer: 'header/keyfleet-position', message: 'must be a position as a write answered it' },
        ],
      });
    }
    if (!(await this.#reads.reached(readModels, position, CEILING_MS))) {
      context.switchToHttp().getResponse<FastifyReply>().header('keyfleet-stale', 'true');
    }
  }
}
