import {
  BACKWARDS,
  END,
  ErrorType,
  eventTypeFilter,
  type Filter,
  type KurrentDBClient,
  START,
  streamNameFilter,
} from '@kurrent/kurrentdb-client';
import type { Look } from '../follow.js';
import type { EventFilter, Position, ReadStreamOptions } from '../port.js';
import { typeOf } from './failures.js';
import type { Link } from './link.js';
import { commitOf, type Raw, rawFrom, toPosition } from './records.js';
import type { Rules } from './rules.js';
import { Timeline } from './timeline.js';

const OURS = '^[a-z]+-';
/** So far is looked back for the time that was reached before a place this process has not read up to. */
const LOOK_BACK = 100;
const STREAM_PAGE = 1_000;

export interface LookFor {
  readonly after: Position;
  readonly filter?: EventFilter | undefined;
  readonly limit: number;
}

interface Page {
  readonly raws: readonly Raw[];
  /** Of the last event the server gave, ours or not, or `undefined` where there was none. */
  readonly last: bigint | undefined;
  readonly full: boolean;
}

/** Reads from the leader: what was acknowledged is there, and nothing appears behind what was seen. */
export class Reader {
  readonly #link: Link;
  readonly #rules: Rules;
  readonly #timeline = new Timeline();

  constructor(link: Link, rules: Rules) {
    this.#link = link;
    this.#rules = rules;
  }

  async look({ after, filter, limit }: LookFor): Promise<Look> {
    const from = BigInt(after);
    // The end first: the page that is read afterwards then has all there is up to it.
    const [head, end] = await Promise.all([this.#head(), this.#newest(), this.#rules.refresh()]);
    const page = await this.page({ after, filter, limit });
    const upTo = page.full ? (page.last as bigint) : larger(from, head, page.last ?? 0n);
    const events = page.raws.filter((raw) => !this.#rules.hides(raw)).map(({ event }) => event);
    return { events, upTo: toPosition(upTo), more: page.full && upTo < head, behind: end < from };
  }

  /** With what was removed. Types are looked at here where categories are, since the server takes one filter. */
  async page({ after, filter, limit }: LookFor): Promise<Page> {
    const from = BigInt(after);
    const floor = await this.#floor(from);
    const types = filter?.categories && filter.types;
    const raws: Raw[] = [];
    let [last, count] = [undefined as bigint | undefined, 0];
    await this.#link.run(async (client) => {
      const found = client.readAll({
        fromPosition: from === 0n ? START : { commit: from, prepare: from },
        // The place itself is given again.
        maxCount: limit + 1,
        requiresLeader: true,
        filter: filterFor(filter),
      });
      for await (const { event } of found) {
        const at = event && commitOf(event);
        if (!at || at <= from || count === limit) continue;
        [last, count] = [at, count + 1];
        const raw = rawFrom(event);
        if (raw && (types?.includes(event.type) ?? true)) raws.push(raw);
      }
    });
    const { raised, ceiling } = this.#timeline.raise(raws, floor);
    if (last !== undefined) this.#timeline.keep(last, ceiling);
    return { raws: raised, last, full: count === limit };
  }

  async stream(stream: string, options: ReadStreamOptions): Promise<Raw[]> {
    const { until, limit = Number.POSITIVE_INFINITY } = options;
    const backwards = options.direction === 'backwards';
    await this.#rules.refresh();
    const kept: Raw[] = [];
    for (let from = options.from; kept.length < limit; ) {
      const page = await this.#streamPage(stream, from, backwards);
      const wanted = page.map((raw) => this.#timeline.known(raw)).filter((raw) => this.#shows(raw, until));
      kept.push(...wanted.slice(0, limit - kept.length));
      const last = page.at(-1)?.event.revision;
      if (page.length < STREAM_PAGE || last === undefined || (backwards && last === 0n)) break;
      from = backwards ? last - 1n : last + 1n;
    }
    return kept;
  }

  #shows(raw: Raw, until: string | undefined): boolean {
    return !this.#rules.hides(raw) && (until === undefined || raw.event.recordedAt <= until);
  }

  #streamPage(stream: string, from: bigint | undefined, backwards: boolean): Promise<Raw[]> {
    return this.rawStream(stream, {
      maxCount: STREAM_PAGE,
      requiresLeader: true,
      ...(from === undefined ? (backwards ? { fromRevision: END } : {}) : { fromRevision: from }),
      ...(backwards ? { direction: BACKWARDS } : {}),
    });
  }

  /** Empty where there is no such stream. */
  rawStream(stream: string, options: Parameters<KurrentDBClient['readStream']>[1]): Promise<Raw[]> {
    return this.#link.run(async (client) => {
      const raws: Raw[] = [];
      try {
        for await (const { event } of client.readStream(stream, options)) {
          const raw = rawFrom(event);
          if (raw) raws.push(raw);
        }
      } catch (error) {
        if (typeOf(error) !== ErrorType.STREAM_NOT_FOUND) throw error;
      }
      return raws;
    });
  }

  /** Trimming leaves the newest event of a stream where it is, hidden, so that the revision stays known. */
  async revision(stream: string): Promise<bigint | null> {
    const [newest] = await this.rawStream(stream, {
      direction: BACKWARDS,
      fromRevision: END,
      maxCount: 1,
      requiresLeader: true,
    });
    return newest?.event.revision ?? null;
  }

  async head(): Promise<Position> {
    const [head] = await Promise.all([this.#head(), this.#rules.refresh()]);
    return toPosition(larger(head, this.#rules.upTo));
  }

  async #head(): Promise<bigint> {
    return larger(await this.#newest(streamNameFilter({ regex: OURS })), this.#rules.upTo);
  }

  #newest(filter?: Filter): Promise<bigint> {
    return this.#link.run(async (client) => {
      const options = { direction: BACKWARDS, fromPosition: END, maxCount: 1, requiresLeader: true } as const;
      for await (const { event } of client.readAll({ ...options, filter })) if (event) return commitOf(event);
      return 0n;
    });
  }

  async #floor(place: bigint): Promise<string> {
    const known = this.#timeline.at(place);
    if (known !== undefined) return known;
    const before = await this.#link.run(async (client) => {
      const times: string[] = [];
      const found = client.readAll({
        direction: BACKWARDS,
        fromPosition: { commit: place + 1n, prepare: place + 1n },
        maxCount: LOOK_BACK,
        requiresLeader: true,
        filter: streamNameFilter({ regex: OURS }),
      });
      for await (const { event } of found) {
        const raw = rawFrom(event);
        if (raw) times.push(raw.event.recordedAt);
      }
      return times;
    });
    return before.reduce((latest, time) => (time > latest ? time : latest), '');
  }
}

function filterFor({ categories, types }: EventFilter = {}): Filter {
  if (categories) return streamNameFilter({ regex: `^(?:${categories.join('|')})-` });
  if (types) return eventTypeFilter({ regex: `^(?:${types.join('|')})$` });
  return streamNameFilter({ regex: OURS });
}

function larger(...list: readonly bigint[]): bigint {
  return list.reduce((a, b) => (a > b ? a : b));
}
