import { SECRET_PATH } from '@keyfleet/contracts';
import { KeyfleetError } from '@keyfleet/kernel';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Caller } from '../access/caller.js';
import type { Action } from '../audit/entry.js';
import { isStranger } from '../audit/strangers.js';
import type { Trail } from '../audit/trail.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before any handler runs. */
    caller: Caller;
  }
}

/** Last segments that name an operation of the API; no secret may end in one, so that no address means two things. */
const RESERVED = new Set(['value', 'versions', 'rotate', 'rollback']);

/** Whether a path fits the grammar of secrets. */
export function isSecretPath(path: string): boolean {
  return path.length <= 256 && SECRET_PATH.test(path);
}

/** For new secrets. */
export function assertNotReserved(path: string): void {
  const last = path.slice(path.lastIndexOf('/') + 1);
  if (RESERVED.has(last))
    throw new KeyfleetError('request.invalid', {
      errors: [{ pointer: 'path', message: `may not end in "${last}", which names an operation` }],
    });
}

export interface Asked {
  readonly action: Action;
  readonly path: string | null;
}

/**
 * For `onRequest`: refuses strangers, on record, before a byte of their body is read. Of what they ask for nothing but
 * its form is looked at.
 */
export function refuseStrangers(trail: Trail, askedOf: (request: FastifyRequest) => Asked) {
  return async (request: FastifyRequest): Promise<void> => {
    if (isStranger(request.caller)) await refuse(trail, request.caller, askedOf(request));
  };
}

async function refuse(trail: Trail, caller: Caller, { action, path }: Asked): Promise<never> {
  const error = new KeyfleetError('auth.required');
  const named = path !== null && isSecretPath(path) ? path : null;
  await trail.failed({ caller, action, path: named }, error);
  throw error;
}

/** The path of the secret asked for; a bad one is refused on record, and of strangers nothing else is looked at. */
export async function secretPathOf(
  { caller }: FastifyRequest,
  trail: Trail,
  asked: { readonly action: Action; readonly path: string },
): Promise<string> {
  if (isStranger(caller)) return refuse(trail, caller, asked);
  if (isSecretPath(asked.path)) return asked.path;
  const error = new KeyfleetError('request.invalid', {
    errors: [{ pointer: 'path', message: 'must be a path such as team/app/db-password' }],
  });
  await trail.failed({ caller, action: asked.action, path: null }, error);
  throw error;
}

/** `If-Match: "3"`, or `If-None-Match: *` for a secret that must be new. */
export function expectedVersionOf(request: FastifyRequest): number | undefined {
  if (request.headers['if-none-match']?.trim() === '*') return 0;
  const given = request.headers['if-match']?.trim();
  if (given === undefined || given === '*') return undefined;
  const version = /^(?:W\/)?"(\d{1,10})"$/.exec(given)?.[1];
  if (version === undefined)
    throw new KeyfleetError('request.invalid', {
      errors: [{ pointer: 'header/if-match', message: 'must be the ETag of a secret, such as "3"' }],
    });
  return Number(version);
}

/** The request's JSON, where it has a body that should be one. */
export function bodyOf<S extends z.ZodType>(request: FastifyRequest, schema: S): z.infer<S> {
  const raw = request.body;
  return schema.parse(Buffer.isBuffer(raw) && raw.length > 0 ? JSON.parse(raw.toString('utf8')) : {});
}

const cursorText = z.string().regex(/^[A-Za-z0-9_-]{1,400}$/);
export const limit = z.coerce.number().int().min(1).max(200).default(50);
export const cursor = cursorText.optional();

export function toCursor(last: string | number | undefined): string | null {
  return last === undefined ? null : Buffer.from(String(last)).toString('base64url');
}

/** What a cursor stands for; throws `cursor.invalid` where it is none that this list gave out. */
export function fromCursor(given: string | undefined, form: RegExp): string | undefined {
  if (given === undefined) return undefined;
  const text = Buffer.from(given, 'base64url').toString('utf8');
  if (!form.test(text)) throw new KeyfleetError('cursor.invalid');
  return text;
}
