import { SECRET_ACTIONS } from '@keyfleet/contracts/events';
import type { accessAnswer, accessQuestionRequest } from '@keyfleet/contracts/http';
import { type AccessQuestion, PolicySet, type PolicySource, whoCan } from '@keyfleet/policy-engine';
import type { z } from 'zod';
import { readingOfCondition } from './readings.js';
import { ROOM } from './room.js';

export interface WhoCanTask {
  readonly kind: 'who-can';
  readonly question: z.output<typeof accessQuestionRequest>;
  readonly policies: readonly PolicySource[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

type Answer = z.input<typeof accessAnswer>;

/** As many as a person looks through. */
const MOST_ITEMS = 500;

/** Of several groups, what is open to a member of any of them. */
export function answerWhoCan({ question, policies, now }: WhoCanTask): Answer {
  const { groups, action, ...rest } = question;
  const base = { ...rest, ...(isAction(action) && { action }) };
  const questions: AccessQuestion[] =
    groups && groups.length > 0 ? groups.map((group) => ({ ...base, group })) : [base];
  const set = new PolicySet(policies);
  const items = new Map<string, Answer['items'][number]>();
  for (const asked of questions)
    for (const { by, effectiveFor, condition } of whoCan(set, asked, now)) {
      const { principals, actions, resources } = effectiveFor;
      items.set(`${by.policyId} ${by.statement}`, {
        statement: by,
        ...{ principals: [...principals], actions: [...actions], resources: [...resources] },
        when: condition === null ? null : readingOfCondition(condition),
      });
    }
  return fitting([...items.values()]);
}

/** The first of them, as many as one answer holds. */
function fitting(items: Answer['items']): Answer {
  let room = ROOM;
  const over = items.findIndex((item) => {
    room -= Buffer.byteLength(JSON.stringify(item)) + 1;
    return room < 0;
  });
  const shown = items.slice(0, Math.min(MOST_ITEMS, over < 0 ? items.length : over));
  return { items: shown, more: items.length - shown.length };
}

export function isAction(action: string | undefined): action is (typeof SECRET_ACTIONS)[number] {
  return SECRET_ACTIONS.some((known) => known === action);
}
