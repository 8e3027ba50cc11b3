import { SECRET_ACTIONS } from '@keyfleet/contracts/events';
import type { accessAnswer, accessQuestionRequest } from '@keyfleet/contracts/http';
import { type AccessQuestion, PolicySet, type PolicySource, whoCan } from '@keyfleet/policy-engine';
import type { z } from 'zod';
import { readingOfCondition } from './readings.js';

export interface WhoCanTask {
  readonly kind: 'who-can';
  readonly question: z.output<typeof accessQuestionRequest>;
  readonly policies: readonly PolicySource[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

type Answer = z.input<typeof accessAnswer>;

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
  return { items: [...items.values()].slice(0, MOST_ITEMS) };
}

export function isAction(action: string | undefined): action is (typeof SECRET_ACTIONS)[number] {
  return SECRET_ACTIONS.some((known) => known === action);
}
