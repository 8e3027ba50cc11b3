import { isId } from '@keyfleet/kernel';
import {
  type EventFilter,
  type ExpectedRevision,
  MAX_APPEND_EVENTS,
  type NewEvent,
  type Provided,
  STREAM_NAME,
  type StreamAppend,
} from './port.js';

const CATEGORY = /^[a-z]+$/;
const EVENT_TYPE = /^[A-Z][A-Za-z0-9]{0,99}$/;
const MAX_VERSION = 32_767;
const MOMENT = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/;

/** Throws a TypeError where the append could never succeed. Messages name the field, never its value. */
export function checkAppend(stream: string, expected: ExpectedRevision, events: readonly NewEvent[]): void {
  checkStream(stream);
  checkExpected(expected);
  if (events.length === 0 || events.length > MAX_APPEND_EVENTS)
    throw new TypeError(`An append has 1 to ${MAX_APPEND_EVENTS} events.`);
  for (const event of events) checkEvent(event);
  if (events.length > 1 && new Set(events.map(({ id }) => id)).size < events.length)
    throw new TypeError('An event may occur in an append only once.');
}

function checkExpected(expected: ExpectedRevision): void {
  if (expected !== 'no-stream' && (typeof expected !== 'bigint' || expected < 0n))
    throw new TypeError("The expected revision must be 'no-stream' or a bigint from 0n on.");
}

/** Of the stream itself the expectation says it already. */
export function checkProvided(stream: string, provided: Provided): void {
  checkStream(provided.stream);
  checkExpected(provided.revision);
  if (provided.stream === stream)
    throw new TypeError('An append is provided with another stream than its own.');
}

function checkEvent({ id, type, v, metadata }: NewEvent): void {
  if (!isId('evt', id)) throw new TypeError('An event id must be evt_<uuid>.');
  if (!EVENT_TYPE.test(type)) throw new TypeError('An event type must be a name such as SecretRotated.');
  if (!Number.isInteger(v) || v < 1 || v > MAX_VERSION)
    throw new TypeError('An event version must be an integer from 1 on.');
  if (metadata.orgId !== null && !isId('org', metadata.orgId))
    throw new TypeError('The metadata of an event must name an organisation, or null.');
}

/** No stream twice: which of the two should win would be a guess. */
export function checkBatch(appends: readonly StreamAppend[]): void {
  if (new Set(appends.map(({ stream }) => stream)).size < appends.length)
    throw new TypeError('A stream may occur in a batch only once.');
}

export function checkStream(stream: string): void {
  if (typeof stream !== 'string' || !STREAM_NAME.test(stream))
    throw new TypeError('A stream name must be <category>-<id>.');
}

export function checkCategory(category: string): void {
  if (!CATEGORY.test(category)) throw new TypeError('A category is in lower-case letters.');
}

export function checkFilter(filter: EventFilter = {}): void {
  checkNames(filter.categories, CATEGORY, 'categories');
  checkNames(filter.types, EVENT_TYPE, 'types');
}

export function checkNewestOf(categories: readonly string[] | undefined): void {
  checkNames(categories, CATEGORY, 'categories');
}

function checkNames(names: readonly string[] | undefined, grammar: RegExp, what: string): void {
  if (names === undefined) return;
  if (names.length === 0 || !names.every((name) => grammar.test(name)))
    throw new TypeError(`A filter by ${what} must name some, in their grammar.`);
}

export function checkLimit(limit: number | undefined): void {
  if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 1))
    throw new TypeError('A limit must be an integer from 1 on.');
}

/** A moment in the form of `recordedAt`; finer fractions than microseconds are cut off. */
export function checkMoment(moment: string): string {
  const [, seconds, fraction = ''] = MOMENT.exec(moment) ?? [];
  if (!seconds || Number.isNaN(Date.parse(moment)))
    throw new TypeError('A moment must be RFC 3339 in UTC, such as 2026-01-31T12:00:00Z.');
  return `${seconds}.${fraction.slice(0, 6).padEnd(6, '0')}Z`;
}

export function checkOrganisation(orgId: string): void {
  if (!isId('org', orgId)) throw new TypeError('An organisation id must be org_<uuid>.');
}
