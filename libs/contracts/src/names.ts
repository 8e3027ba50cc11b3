import { type IdPrefix, idPattern } from '@keyfleet/kernel';
import { z } from 'zod';
import { LINE } from './text.js';

/** Identifier of one kind, in the one grammar. */
export function id(prefix: IdPrefix): z.ZodString {
  return z.string().regex(idPattern(prefix), `must be an id such as ${prefix}_01932b1e-…`);
}

/** As many characters as RFC 3339 needs for nanoseconds; databases read no more than some hundred of them. */
const LONGEST_TIME = '1970-01-01T00:00:00.000000000Z'.length;
/** RFC 3339 UTC, millisecond to microsecond precision. Databases know no year 0, and none of our times is that old. */
export const timestamp = z.iso
  .datetime({ precision: undefined })
  .refine((value) => value >= '1970', 'must be a time since 1970')
  .refine((value) => value.length <= LONGEST_TIME, 'must be a time of at most nine digits of a second');

/** SHA-256 in lower-case hex. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hex');

/** Stands in for a name that may not be sent: a keyed hash the control plane cannot reverse. */
export const KEYED_HASH = /^h:[0-9a-f]{64}$/;

export const SECRET_PATH =
  /^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[A-Za-z0-9._-]{1,64}(?:\/[A-Za-z0-9._-]{1,64}){0,7}$/;
/** `team/app/db-password`: up to 8 segments of letters, digits, dot, dash and underscore. */
export const secretPath = z
  .string()
  .max(256)
  .regex(SECRET_PATH, 'must be a path such as team/app/db-password');

export const PRINCIPAL = /^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$/;
/** Who asks at an agent: `app:billing`, `ci:deploy`; chosen by whoever makes the API key. */
export const principal = z.string().regex(PRINCIPAL, 'must be a name such as app:billing');

export const CLIENT = /^[A-Za-z0-9][A-Za-z0-9._/+-]{0,63}$/;

function orHash(pattern: RegExp): z.ZodString {
  return z
    .string()
    .regex(new RegExp(`${pattern.source}|${KEYED_HASH.source}`), 'must be a name or its keyed hash');
}

/** The same names as they may stand on an event. */
export const secretRef = orHash(SECRET_PATH);
export const principalRef = orHash(PRINCIPAL);
export const clientRef = orHash(CLIENT);

/** Network a request came from, cut to /24 (IPv4) or /48 (IPv6). */
export const network = z
  .string()
  .regex(/^(?:\d{1,3}\.\d{1,3}\.\d{1,3}\.0\/24|[0-9a-f:]{2,30}\/48)$/, 'must be a /24 or /48');

export const slug = z
  .string()
  .regex(/^[a-z][a-z0-9-]{1,38}[a-z0-9]$/, 'must be 3 to 40 of a-z, 0-9 and dash');
export const displayName = z.string().trim().min(1).max(120).regex(LINE, 'must be one line of text');
export const agentName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, 'must be a host-like name such as site-7.berlin');
export const semver = z
  .string()
  .max(64)
  .regex(/^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/, 'must be a version such as 1.4.2');

export const labelKey = z.string().regex(/^[a-z][a-z0-9._-]{0,62}$/, 'must be a label key such as env');
export const labelValue = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be a label value such as prod');
export const labels = z
  .record(labelKey, labelValue)
  .refine((value) => Object.keys(value).length <= 32, 'at most 32 labels');

/** NATS user public key (`U…`, 56 characters of base32). */
export const nkeyPublic = z.string().regex(/^U[A-Z2-7]{55}$/, 'must be a public user NKey');
