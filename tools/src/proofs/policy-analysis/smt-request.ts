import { SECRET_ACTIONS } from '@keyfleet/contracts/events';
import type { Subject } from './language.js';
import { and, not, number, or, type Script } from './smt.js';
import { ALNUM, signs, Text } from './smt-text.js';
import { FIRST_DAY, LAST_DAY, stretchesOf } from './zones.js';

const METHODS = ['api-key', 'jwt', 'certificate', 'local', 'none'];
const PRINTABLE = [[' ', '~']] as const;
const MOST_SEGMENTS = 8;

export interface Sizes {
  /** Letters of the longest text looked at. */
  readonly letters: number;
  /** Groups a request may be in. */
  readonly groups: number;
}

/** A request of which nothing is known but what requests may be. */
export class AnyRequest {
  readonly principal: Text;
  readonly path: Text;
  readonly secondFactor: string;
  readonly #script: Script;
  readonly #sizes: Sizes;
  readonly #texts = new Map<string, Text>();
  readonly #groups: readonly { readonly there: string; readonly name: Text }[];
  readonly #clocks = new Map<string, { readonly minute: string; readonly weekday: string }>();

  constructor(script: Script, sizes: Sizes) {
    this.#script = script;
    this.#sizes = sizes;
    this.secondFactor = script.declare('factor', 'Bool');
    this.principal = this.#name('principal');
    script.declare('vault', 'Bool');
    this.path = this.#path();
    this.#groups = Array.from({ length: sizes.groups }, (_, index) => ({
      there: script.declare(`group${index}`, 'Bool'),
      name: this.#name(`name${index}`),
    }));
    this.#oneOf('action', SECRET_ACTIONS);
    this.#oneOf('method', METHODS);
    script.declare('six', 'Bool');
    script.declare('from', 'Bool');
    script.declare('address', '(_ BitVec 128)');
    this.#time();
  }

  #oneOf(name: string, values: readonly string[]): void {
    this.#script.declare(name, 'Int');
    this.#script.demand(`(and (<= 0 ${name}) (< ${name} ${values.length}))`);
  }

  #name(name: string): Text {
    const text = new Text(this.#script, name, this.#sizes.letters);
    this.#script.demand(and([not(text.ends(0)), text.madeOf([...ALNUM, ...signs('._:@/-')], ALNUM)]));
    return text;
  }

  /** Up to eight segments, none of them `.` or `..`; no letters where the request is about the whole vault. */
  #path(): Text {
    const text = new Text(this.#script, 'path', this.#sizes.letters);
    const demands = [text.madeOf([...ALNUM, ...signs('._-/')]), not(text.ends(0))];
    const over = (at: number): string => or([text.ends(at), text.is(at, '/')]);
    for (let at = 0; at < text.most; at++) {
      const begins = at === 0 ? 'true' : text.is(at - 1, '/');
      const dots = and([text.is(at, '.'), or([over(at + 1), and([text.is(at + 1, '.'), over(at + 2)])])]);
      demands.push(or([not(begins), not(or([over(at), dots]))]));
    }
    demands.push(not(text.is(text.most - 1, '/')));
    const slashes = Array.from({ length: text.most }, (_, at) => text.is(at, '/'));
    demands.push(`((_ at-most ${MOST_SEGMENTS - 1}) ${slashes.join(' ')})`);
    this.#script.demand(`(ite vault ${text.ends(0)} ${and(demands)})`);
    return text;
  }

  /** Days and minutes since 1970; what is left of the minute counts only for moments. */
  #time(): void {
    for (const name of ['day', 'minute', 'rest', 'week', 'weekday']) this.#script.declare(name, 'Int');
    this.#script.demand(`(and (<= ${FIRST_DAY} day) (< day ${LAST_DAY}))`);
    this.#script.demand('(and (<= 0 minute) (< minute 1440) (<= 0 rest) (< rest 60000))');
    this.#script.demand('(and (= (+ day 4) (+ (* 7 week) weekday)) (<= 0 weekday) (< weekday 7))');
  }

  readonly moment = '(+ (* 86400000 day) (* 60000 minute) rest)';

  /** What the clocks of a zone show: UTC's, put forward or back, which may lead into the day before or after. */
  clock(zone: string): { readonly minute: string; readonly weekday: string } {
    const known = this.#clocks.get(zone);
    if (known) return known;
    const index = this.#clocks.size;
    const [first, ...later] = stretchesOf(zone);
    const ahead = later.reduce(
      (so, stretch) => `(ite (<= ${stretch.from} (+ (* 1440 day) minute)) ${number(stretch.ahead)} ${so})`,
      number(first?.ahead ?? 0),
    );
    const [minute, weekday] = [`minute${index}`, `weekday${index}`];
    for (const name of [`ahead${index}`, minute, weekday]) this.#script.declare(name, 'Int');
    this.#script.demand(`(= ahead${index} ${ahead})`);
    const local = `(+ minute ahead${index})`;
    const beside = (by: number): string =>
      and([
        `(= ${minute} (+ ${local} ${number(-by * 1440)}))`,
        `(= ${weekday} (ite (= weekday ${by < 0 ? 0 : by * 6}) ${by < 0 ? 6 : 0} (+ weekday ${number(by)})))`,
      ]);
    const same = and([`(= ${minute} ${local})`, `(= ${weekday} weekday)`]);
    this.#script.demand(`(ite (< ${local} 0) ${beside(-1)} (ite (>= ${local} 1440) ${beside(1)} ${same}))`);
    const clock = { minute, weekday };
    this.#clocks.set(zone, clock);
    return clock;
  }

  isAction(actions: readonly string[]): string {
    return or(actions.map((action) => `(= action ${SECRET_ACTIONS.findIndex((known) => known === action)})`));
  }

  /** Some group of the request for which this holds. */
  someGroup(test: (name: Text) => string): string {
    return or(this.#groups.map(({ there, name }) => and([there, test(name)])));
  }

  isTagged(tag: string): string {
    this.#tag(tag);
    return `tagged_${tag}`;
  }

  #tag(tag: string): Text {
    const known = this.#texts.get(`tags.${tag}`);
    if (known) return known;
    this.#script.declare(`tagged_${tag}`, 'Bool');
    return this.#line(`tags.${tag}`, `tag_${tag}`);
  }

  #line(subject: string, name: string): Text {
    const text = new Text(this.#script, name, this.#sizes.letters);
    this.#script.demand(text.madeOf(PRINTABLE));
    this.#texts.set(subject, text);
    return text;
  }

  /** Whether what the request says there passes a test, given for a text of its own or for one that is known. */
  says(subject: Subject, ofText: (text: Text) => string, ofValue: (value: string) => boolean): string {
    const among = (name: string, all: readonly string[]): string =>
      or(all.flatMap((value, index) => (ofValue(value) ? [`(= ${name} ${index})`] : [])));
    if (subject === 'action') return among('action', SECRET_ACTIONS);
    if (subject === 'method') return among('method', METHODS);
    if (subject === 'principal' || subject === 'path') return ofText(this[subject]);
    if (subject.startsWith('tags.')) return ofText(this.#tag(subject.slice(5)));
    return ofText(this.#texts.get(subject) ?? this.#free(subject));
  }

  #free(subject: Subject): Text {
    if (subject === 'reason') return this.#line(subject, subject);
    const text = new Text(this.#script, subject, this.#sizes.letters);
    this.#script.demand(text.madeOf([...ALNUM, ...signs('._/+-')], ALNUM));
    this.#texts.set(subject, text);
    return text;
  }
}
