import { isKeyfleetError } from '@keyfleet/kernel';
import type { EncodedAppend } from '../encode.js';
import { type AppendResult, MAX_APPEND_EVENTS } from '../port.js';
import { isPassing, unavailable } from './failures.js';
import { writeGroup } from './group.js';
import type { Link } from './link.js';
import type { OnStep } from './steps.js';

interface Waiting {
  readonly append: EncodedAppend;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: unknown) => void;
}

export interface AppenderOptions {
  readonly link: Link;
  readonly onStep: OnStep;
  /** Runs after each commit that wrote something. */
  readonly onCommit: () => void;
  /** Bytes that may wait; beyond them an append is refused at once. */
  readonly maxWaitingBytes: number;
}

/**
 * A group is written under the writers' lock (3 to 5 µs an event, less than 10 ms for one this
 * large), and synced once: a compromise of waiting and throughput.
 */
const MAX_GROUP_EVENTS = 1.5 * MAX_APPEND_EVENTS;
const MAX_GROUP_BYTES = 4 * 1024 * 1024;
/** While one group is written the next is prepared by the server and waits for the lock. */
export const LANES = 2;
/** From so many on, callers who all wait at once are parted between the lanes: else they move as one and one lane rests. */
const PARTED_FROM = 16;
/** How much of the crowd of late has to wait at once to be called all of it, and how fast it is forgotten. */
const ALL = 0.75;
const FADING = 0.95;

/** Group commit: what is asked for while a group is under way is the next group. Nobody waits for one to fill. */
export class Appender {
  readonly #options: AppenderOptions;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #lanes = 0;
  #writing = 0;
  /** About how many callers there are: the most that waited or were being written at once, fading. */
  #crowd = 0;
  #scheduled = false;
  #idle: (() => void)[] = [];

  constructor(options: AppenderOptions) {
    this.#options = options;
  }

  append(append: EncodedAppend): Promise<AppendResult> {
    if (this.#waitingBytes > this.#options.maxWaitingBytes)
      return Promise.reject(unavailable('The event store has more to write than it can hold.'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ append, resolve, reject });
      this.#waitingBytes += append.bytes;
      this.#schedule();
    });
  }

  /** At the end of the turn, so that what is asked for in one turn goes in one group. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#lanes < LANES && this.#waiting.length > 0) {
      const group = this.#takeGroup(this.#share());
      this.#lanes += 1;
      this.#writing += group.length;
      void this.#write(group).finally(() => {
        this.#lanes -= 1;
        this.#writing -= group.length;
        this.#pump();
      });
    }
    if (this.#lanes === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Half of them where all wait. A half that waits goes whole: parting it again would make ever smaller groups. */
  #share(): number {
    const { length } = this.#waiting;
    this.#crowd = Math.max(length + this.#writing, this.#crowd * FADING);
    const isAll = this.#lanes === 0 && length >= PARTED_FROM && length >= this.#crowd * ALL;
    return isAll ? Math.ceil(length / LANES) : length;
  }

  /**
   * A stream may occur in a group once; the next append to it waits for the next group. So does what depends on it: all
   * expectations of a group are looked at before anything of it is written.
   */
  #takeGroup(most: number): Waiting[] {
    const group: Waiting[] = [];
    const left: Waiting[] = [];
    const streams = new Set<string>();
    const conditions = new Set<string>();
    const taken = { events: 0, bytes: 0 };
    for (const [index, waiting] of this.#waiting.entries()) {
      const { stream, events, bytes, provided } = waiting.append;
      const fits =
        group.length < most &&
        taken.events + events.length <= MAX_GROUP_EVENTS &&
        taken.bytes + bytes <= MAX_GROUP_BYTES;
      if (!fits && group.length > 0) {
        left.push(...this.#waiting.slice(index));
        break;
      }
      const meets = conditions.has(stream) || (provided !== undefined && streams.has(provided.stream));
      if (streams.has(stream) || meets) {
        left.push(waiting);
        continue;
      }
      streams.add(stream);
      if (provided) conditions.add(provided.stream);
      taken.events += events.length;
      taken.bytes += bytes;
      group.push(waiting);
    }
    this.#waiting = left;
    this.#waitingBytes -= taken.bytes;
    return group;
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    try {
      const results = await this.#send(group);
      for (const [index, { resolve }] of group.entries()) resolve(results[index] as AppendResult);
    } catch (error) {
      // Something in one of them that the server cannot take must not be the others' failure.
      if (group.length > 1 && !isKeyfleetError(error) && !isPassing(error))
        for (const waiting of group) await this.#write([waiting]);
      else for (const { reject } of group) reject(error);
    }
  }

  async #send(group: readonly Waiting[]): Promise<AppendResult[]> {
    const { link, onStep, onCommit } = this.#options;
    const started = performance.now();
    const counts = {
      appends: group.length,
      events: group.reduce((sum, { append }) => sum + append.events.length, 0),
    };
    onStep({ step: 'group-sent', ...counts });
    try {
      const results = await link.run((sql) =>
        writeGroup(
          sql,
          group.map(({ append }) => append),
        ),
      );
      const conflicts = results.filter(({ outcome }) => outcome === 'conflict').length;
      onStep({ step: 'group-committed', ...counts, conflicts, ms: performance.now() - started });
      if (conflicts < group.length) onCommit();
      return results;
    } catch (error) {
      onStep({ step: 'group-failed', appends: group.length });
      throw error;
    }
  }

  /** Resolves when everything asked for is answered. */
  drain(): Promise<void> {
    if (this.#lanes === 0 && this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle.push(resolve);
    });
  }
}
