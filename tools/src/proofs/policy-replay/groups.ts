import type { Answer, Flip } from '@keyfleet/policy-engine';
import type { Row } from './traffic.js';

/** Flips of one kind, as somebody reads them before publishing. */
export interface Group {
  readonly classes: number;
  readonly requests: number;
  readonly agents: Readonly<Record<string, number>>;
  readonly principals: Readonly<Record<string, number>>;
}

/** Requests by how they flip (`denied → allowed`), by agent and by principal; and those of which nothing is known. */
export function grouped(flips: Iterable<Flip<Row>>): Record<string, Group> {
  const groups: Record<
    string,
    { classes: number; requests: number; agents: Record<string, number>; principals: Record<string, number> }
  > = {};
  for (const { row, before, after } of flips) {
    const group = (groups[nameOf(before, after)] ??= { classes: 0, requests: 0, agents: {}, principals: {} });
    group.classes += 1;
    group.requests += row.count;
    group.agents[row.agent] = (group.agents[row.agent] ?? 0) + row.count;
    group.principals[row.principal] = (group.principals[row.principal] ?? 0) + row.count;
  }
  return groups;
}

function nameOf(before: Answer, after: Answer): string {
  return before === after ? 'not-decidable' : `${before} → ${after}`;
}
