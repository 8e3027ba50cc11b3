import { createHmac } from 'node:crypto';

/** HMAC-SHA256 in lower-case hex. Strings are taken as UTF-8. */
export function keyedHash(key: Buffer, data: string | Buffer): string {
  return createHmac('sha256', key).update(data).digest('hex');
}

/** How a name that may not be sent stands on an event: `h:` and its keyed hash. */
export function nameReference(key: Buffer, name: string): string {
  return `h:${keyedHash(key, name)}`;
}
