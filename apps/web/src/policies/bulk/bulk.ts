import type { PolicyTarget } from '@keyfleet/contracts';
import type { BulkPoliciesRequest, BulkPolicyItem } from '@keyfleet/contracts/http';

/** So many are taken at once. */
export const BULK_MOST = 100;

export type BulkAction = 'assign' | 'unassign' | 'retire' | 'pause' | 'resume' | 'halt';

interface Words {
  readonly button: string;
  /** Of the dialog, before how many policies. */
  readonly title: string;
  readonly about: string;
  /** What will come, and what came, of one policy. */
  readonly would: string;
  readonly done: string;
}

export const WORDS: Readonly<Record<BulkAction, Words>> = {
  assign: {
    button: 'Assign…',
    title: 'Assign',
    about: 'What is published of them then decides at these agents too.',
    ...{ would: 'Will be assigned', done: 'Assigned' },
  },
  unassign: {
    button: 'Take back…',
    title: 'Take back the assignment of',
    about: 'Agents that have a policy by this assignment alone lose it. Choose what it was assigned to.',
    ...{ would: 'Will be taken back', done: 'Taken back' },
  },
  retire: {
    button: 'Retire…',
    title: 'Retire',
    about:
      'They are taken out of every agent, for good. What they allowed is then allowed only by other policies, and what they denied is denied only by others.',
    ...{ would: 'Will be retired', done: 'Retired' },
  },
  pause: {
    button: 'Pause rollouts…',
    title: 'Pause the rollouts of',
    about: 'Agents that have the new version keep it; no other agent gets it until the rollout goes on.',
    ...{ would: 'Will be paused', done: 'Paused' },
  },
  resume: {
    button: 'Resume rollouts…',
    title: 'Resume the rollouts of',
    about: 'They go on where they were paused.',
    ...{ would: 'Will go on', done: 'Goes on' },
  },
  halt: {
    button: 'Halt rollouts…',
    title: 'Halt the rollouts of',
    about: 'Every agent goes back to the version before, or to none where there was none.',
    ...{ would: 'Will be halted', done: 'Halted' },
  },
};

/** Red for what takes something away from agents for good, or at once. */
export const colorOf = (action: BulkAction): string | undefined =>
  action === 'retire' || action === 'halt' ? 'red' : undefined;

export const takesTarget = (action: BulkAction): boolean => action === 'assign' || action === 'unassign';

/** What is asked of the control plane; null where it is not yet said for whom. */
export function requestOf(
  action: BulkAction,
  policies: readonly string[],
  target: PolicyTarget | null,
): BulkPoliciesRequest | null {
  const ids = [...policies];
  switch (action) {
    case 'assign':
    case 'unassign':
      return target && { action, policies: ids, target };
    case 'retire':
      return { action, policies: ids };
    default:
      return { action: 'rollout', policies: ids, control: action };
  }
}

/** Only what was foreseen to change is asked for; the others keep what was said of them. */
export function wouldChange(foreseen: readonly BulkPolicyItem[]): readonly string[] {
  return foreseen.filter(({ outcome }) => outcome === 'would').map(({ id }) => id);
}

/** How many agents were met was counted before. */
export function withOutcomes(
  foreseen: readonly BulkPolicyItem[],
  come: readonly BulkPolicyItem[],
): readonly BulkPolicyItem[] {
  const byId = new Map(come.map((item) => [item.id, item]));
  return foreseen.map((item) => ({ ...item, ...byId.get(item.id), agents: item.agents }));
}

export function sayItem(action: BulkAction, { outcome, detail, code }: BulkPolicyItem): string {
  if (outcome === 'would') return WORDS[action].would;
  if (outcome === 'done') return WORDS[action].done;
  return outcome === 'unchanged' ? 'Nothing: it is so already' : (detail ?? code ?? 'Refused');
}

const COUNTED = [
  ['would', 'will change'],
  ['done', 'done'],
  ['unchanged', 'as asked already'],
  ['refused', 'refused'],
] as const;

/** How many of each outcome there are, without those there are none of. */
export function summaryText(items: readonly BulkPolicyItem[]): string {
  const counts = COUNTED.map(
    ([wanted, words]) => [items.filter(({ outcome }) => outcome === wanted).length, words] as const,
  );
  return counts
    .filter(([count]) => count > 0)
    .map(([count, words]) => `${count} ${words}`)
    .join(', ');
}

export const policiesText = (count: number): string => (count === 1 ? '1 policy' : `${count} policies`);
