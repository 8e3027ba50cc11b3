import { KeyfleetError } from '@keyfleet/kernel';
import { type CanActivate, type ExecutionContext, Inject, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { FLEET_READS, type FleetReads } from '../reads/fleet-reads.js';

const READ_MODELS = 'keyfleet:read-models';
const CEILING_MS = 2_000;
/** As stores that count their events give them out. */
const POSITION = /^(?:0|[1-9]\d{0,18})$/;

/** Names the read models a query answers from, so that a reader can wait for its own write. */
export const ReadsFrom = (...readModels: string[]) => SetMetadata(READ_MODELS, readModels);

/**
 * A request with `Keyfleet-Position` waits for the projections its query names, then says so where they lag. It stands
 * behind the guard that lets the request in; an interceptor would put an Observable around every answer.
 */
@Injectable()
export class FreshReads implements CanActivate {
  readonly #reflector: Reflector;
  readonly #reads: FleetReads;

  constructor(@Inject(Reflector) reflector: Reflector, @Inject(FLEET_READS) reads: FleetReads) {
    this.#reflector = reflector;
    this.#reads = reads;
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    if (context.getType() !== 'http') return true;
    const readModels = this.#reflector.get<string[] | undefined>(READ_MODELS, context.getHandler());
    return readModels ? this.#wait(context, readModels) : true;
  }

  async #wait(context: ExecutionContext, readModels: readonly string[]): Promise<boolean> {
    const position = context.switchToHttp().getRequest<FastifyRequest>().headers['keyfleet-position'];
    if (position === undefined) return true;
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
    return true;
  }
}
