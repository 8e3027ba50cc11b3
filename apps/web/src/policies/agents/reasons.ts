const REASONS: Readonly<Record<string, string>> = {
  offline: 'It is offline and takes the policy when it returns',
  'not-yet': 'It has not answered yet',
  bypassed: 'Its policy was set aside on its own machine',
};

/** Why an agent is not where it should be; what it said itself is a code and stays one. */
export function reasonText(reason: string | null): string {
  if (reason === null) return '–';
  return REASONS[reason] ?? `It said ${reason}`;
}
