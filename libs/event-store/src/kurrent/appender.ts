import { randomUUID } from 'node:crypto';
import { KeyfleetError } from '@keyfleet/kernel';
import { ErrorType } from '@kurrent/kurrentdb-client';
import type { EncodedAppend } from '../encode.js';
import type { AppendResult } from '../port.js';
import { typeOf } from './failures.js';
import type { Link } from './link.js';
import type { Reader } from './reader.js';
import { toPosition, written } from './records.js';

/**
 * The server itself knows the same events at the same expectation again; it only does not say so. Every call writes a
 * mark of its own, and whose mark stands on the last event tells who wrote it.
 */
export class Appender {
  readonly #link: Link;
  readonly #reader: Reader;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(link: Link, reader: Reader) {
    this.#link = link;
    this.#reader = reader;
  }

  append(append: EncodedAppend): Promise<AppendResult> {
    const result = this.#append(append);
    this.#underWay.add(result);
    const settled = (): boolean => this.#underWay.delete(result);
    result.then(settled, settled);
    return result;
  }

  async #append(append: EncodedAppend): Promise<AppendResult> {
    const { stream, expectedRevision, expected, events, provided } = append;
    const mark = randomUUID();
    const unmet = provided && (await this.#unmet(append, provided));
    if (unmet) return unmet;
    const position = await this.#send(append, mark);
    if (position === null)
      return {
        outcome: 'conflict',
        stream,
        expected: expectedRevision,
        actual: await this.#reader.revision(stream),
      };
    const revision = expected + BigInt(events.length);
    const [last] = await this.#reader.rawStream(stream, {
      fromRevision: revision,
      maxCount: 1,
      requiresLeader: true,
    });
    const at = last?.event.revision === revision ? last.at : position;
    return {
      outcome: 'appended',
      revision,
      position: toPosition(at),
      idempotent: last?.append !== mark,
    };
  }

  /** Where the events may be there already, the server finds out. */
  async #unmet(
    { stream, expected }: EncodedAppend,
    provided: NonNullable<EncodedAppend['provided']>,
  ): Promise<AppendResult | undefined> {
    const [own, actual] = await Promise.all([
      this.#reader.revision(stream),
      this.#reader.revision(provided.stream),
    ]);
    if ((own ?? -1n) !== expected || (actual ?? -1n) === provided.expected) return undefined;
    return { outcome: 'conflict', stream: provided.stream, expected: provided.revision, actual };
  }

  /** Commit position of the last event as the server says it, or `null` for a conflict. */
  async #send({ stream, expectedRevision, events }: EncodedAppend, mark: string): Promise<bigint | null> {
    const streamState = expectedRevision === 'no-stream' ? 'no_stream' : expectedRevision;
    const list = events.map((event) => written(event, mark));
    try {
      const result = await this.#link.run((client) => client.appendToStream(stream, list, { streamState }));
      return BigInt(result.position?.commit ?? 0n);
    } catch (error) {
      const type = typeOf(error);
      if (type === ErrorType.WRONG_EXPECTED_VERSION) return null;
      if (type === ErrorType.MAXIMUM_APPEND_SIZE_EXCEEDED)
        throw new KeyfleetError('request.too-large', { detail: 'The server takes less in one append.' });
      throw error;
    }
  }

  async drain(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }
}
