import type { Sql } from 'postgres';
import type { EncodedAppend, EncodedEvent } from '../encode.js';
import type { AppendResult } from '../port.js';
import { whole } from './whole.js';

/** Between texts of a list: control characters are escaped in JSON and stand in no name. */
const SEPARATOR = '\u001e';
const PREFIX = 'evt_'.length;

type Unwritten = readonly [ordinal: number, actual: string, position: string | null];

/** Writes appends to different streams in one transaction and answers each, in their order. */
export async function writeGroup(
  sql: Pick<Sql, 'unsafe'>,
  group: readonly EncodedAppend[],
): Promise<AppendResult[]> {
  const answer = await sql.unsafe<{ base: string; unwritten: string | null }[]>(
    'select base, unwritten from store.append_group($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)',
    parametersOf(group),
    { prepare: true },
  );
  const [row] = whole(answer);
  if (!row) throw new Error('The append function answered nothing.');
  return answersOf(group, BigInt(row.base), row.unwritten === null ? [] : JSON.parse(row.unwritten));
}

function parametersOf(group: readonly EncodedAppend[]): string[] {
  const shapes = new Shapes();
  const first = [1];
  const events = { append: [] as number[], shape: [] as number[], id: [] as string[] };
  const texts = { data: [] as string[], metadata: [] as string[] };
  for (const [index, append] of group.entries()) {
    for (const event of append.events) {
      events.append.push(index + 1);
      events.shape.push(shapes.ordinalOf(append.category, event));
      events.id.push(event.id.slice(PREFIX));
      texts.data.push(event.data);
      texts.metadata.push(event.metadata);
    }
    first.push(events.id.length + 1);
  }
  const conditions = group.flatMap(({ provided }) => provided ?? []);
  const places = [...group, ...conditions];
  // They have no events: each begins and ends where the last append did.
  first.push(...conditions.map(() => events.id.length + 1));
  return [
    places.map(({ stream }) => stream).join(SEPARATOR),
    list(places.map(({ expected }) => expected)),
    list(first),
    ...shapes.parameters(),
    list(events.append),
    list(events.shape),
    list(events.id),
    texts.data.join(SEPARATOR),
    texts.metadata.join(SEPARATOR),
    list(ordinalsOf(group)),
  ];
}

/** Of each append its condition, which stand behind all appends in their order; of those without any, 0. */
function ordinalsOf(group: readonly EncodedAppend[]): number[] {
  let next = group.length;
  const ordinals = group.map(({ provided }) => (provided ? ++next : 0));
  return [...ordinals, ...Array<number>(next - group.length).fill(0)];
}

const list = (values: readonly unknown[]): string => `{${values.join(',')}}`;

/** Category, type, version and organisation: few combinations in a group, so events name theirs by number. */
class Shapes {
  readonly #ordinals = new Map<string, number>();
  readonly #categories: string[] = [];
  readonly #types: string[] = [];
  readonly #versions: number[] = [];
  readonly #orgs: string[] = [];

  ordinalOf(category: string, { type, v, orgId }: EncodedEvent): number {
    const key = `${category} ${type} ${v} ${orgId}`;
    const known = this.#ordinals.get(key);
    if (known) return known;
    this.#categories.push(category);
    this.#types.push(type);
    this.#versions.push(v);
    this.#orgs.push(orgId?.slice('org_'.length) ?? 'NULL');
    this.#ordinals.set(key, this.#types.length);
    return this.#types.length;
  }

  parameters(): string[] {
    return [
      this.#categories.join(SEPARATOR),
      this.#types.join(SEPARATOR),
      list(this.#versions),
      list(this.#orgs),
    ];
  }
}

function answersOf(
  group: readonly EncodedAppend[],
  base: bigint,
  unwritten: readonly Unwritten[],
): AppendResult[] {
  const others = new Map(unwritten.map((entry) => [entry[0], entry]));
  const conditions = ordinalsOf(group);
  let position = base;
  return group.map((append, index) => {
    const other = others.get(index + 1);
    if (other) return answerUnwritten(append, other, others.get(conditions[index] ?? 0));
    const count = BigInt(append.events.length);
    position += count;
    return {
      outcome: 'appended',
      revision: append.expected + count,
      position: String(position),
      idempotent: false,
    };
  });
}

function answerUnwritten(
  append: EncodedAppend,
  [, actual, position]: Unwritten,
  condition: Unwritten | undefined,
): AppendResult {
  const { stream, expected, expectedRevision, events, provided } = append;
  if (position !== null)
    return {
      outcome: 'appended',
      revision: expected + BigInt(events.length),
      position,
      idempotent: true,
    };
  if (BigInt(actual) === expected && provided && condition)
    return conflict({ ...provided, expectedRevision: provided.revision }, condition[1]);
  return conflict({ stream, expectedRevision }, actual);
}

function conflict(
  { stream, expectedRevision }: Pick<EncodedAppend, 'stream' | 'expectedRevision'>,
  actual: string,
): AppendResult {
  return {
    outcome: 'conflict',
    stream,
    expected: expectedRevision,
    actual: actual === '-1' ? null : BigInt(actual),
  };
}
