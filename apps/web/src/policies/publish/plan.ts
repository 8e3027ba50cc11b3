import type { RolloutPlan } from '@keyfleet/contracts';

/** A plan as it is typed. */
export interface PlanFields {
  readonly waves: string;
  readonly soakMinutes: number | string;
  readonly rejected: number | string;
  /** Empty for never. */
  readonly deniedPercent: number | string;
}

export function fieldsOf({ waves, soakSeconds, haltOn }: RolloutPlan): PlanFields {
  return {
    waves: waves.join(', '),
    soakMinutes: soakSeconds / 60,
    rejected: haltOn.rejected,
    deniedPercent: haltOn.deniedPercent ?? '',
  };
}

/** What the fields say, or what is wrong with the waves. */
export function planOf(fields: PlanFields): { readonly plan: RolloutPlan } | { readonly problem: string } {
  const waves = fields.waves
    .split(/[\s,;%]+/)
    .filter(Boolean)
    .map(Number);
  const problem = waveProblem(waves);
  if (problem !== null) return { problem };
  const denied = Number(fields.deniedPercent);
  return {
    plan: {
      waves,
      soakSeconds: Math.round(Number(fields.soakMinutes) * 60),
      haltOn: {
        rejected: Math.max(1, Math.round(Number(fields.rejected))),
        deniedPercent: fields.deniedPercent === '' || denied <= 0 ? null : Math.min(denied, 100),
      },
    },
  };
}

function waveProblem(waves: readonly number[]): string | null {
  if (waves.length === 0 || waves.length > 10) return 'Name one to ten waves, such as 1, 10, 100';
  if (waves.some((share) => !(share > 0 && share <= 100)))
    return 'A wave is a share between 0 and 100 percent';
  if (waves.some((share, index) => index > 0 && share <= (waves[index - 1] ?? 0)))
    return 'Each wave is larger than the one before';
  return waves.at(-1) === 100 ? null : 'The last wave is 100';
}
