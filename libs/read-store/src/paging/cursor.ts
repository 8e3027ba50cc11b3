import { createHmac, timingSafeEqual } from 'node:crypto';
import { KeyfleetError } from '@keyfleet/kernel';

/** Opaque, signed cursors: bound to the list, organisation and filter they were given for. */
export class Cursors {
  readonly #key: string;

  /** `key`: shared by all replicas, at least 32 characters. */
  constructor(key: string) {
    if (key.length < 32) throw new TypeError('The key of cursors has at least 32 characters.');
    this.#key = key;
  }

  /** `list` names everything the place depends on, for example list, organisation and filter. */
  encode(list: readonly string[], place: readonly (string | null)[]): string {
    const body = Buffer.from(JSON.stringify(place)).toString('base64url');
    return `${body}.${this.#sign(list, body)}`;
  }

  /** The place, of exactly `length` parts. `cursor.invalid` for anything this list did not give out. */
  decode(list: readonly string[], cursor: string, length: number): (string | null)[] {
    const [body = '', signature = '', ...rest] = cursor.split('.');
    const expected = Buffer.from(this.#sign(list, body));
    const given = Buffer.from(signature);
    const genuine = rest.length === 0 && given.length === expected.length && timingSafeEqual(given, expected);
    if (!genuine) throw new KeyfleetError('cursor.invalid');
    const place: unknown = JSON.parse(Buffer.from(body, 'base64url').toString());
    if (!Array.isArray(place) || place.length !== length) throw new KeyfleetError('cursor.invalid');
    return place as (string | null)[];
  }

  #sign(list: readonly string[], body: string): string {
    return createHmac('sha256', this.#key)
      .update(JSON.stringify(list))
      .update('\n')
      .update(body)
      .digest('base64url')
      .slice(0, 22);
  }
}
