import type { PolicyStatement } from '@keyfleet/contracts';
import type { AccessRequest } from '@keyfleet/policy-engine';
import { seeded } from '../../proofs/random.js';

const ACTIONS = ['read', 'list', 'create', 'update', 'delete', 'rotate'] as const;
/** Half of the statements have one of these. */
export const CONDITIONS = [
  'address.inNetwork("10.0.0.0/8")',
  'secondFactor || address.inNetwork("10.1.0.0/16")',
  'time.getDayOfWeek("Europe/Zurich") in [1, 2, 3, 4, 5] && time.timeOfDay("Europe/Zurich") >= "08:00" && time.timeOfDay("Europe/Zurich") < "18:00"',
  'tags["env"] != "prod" || "oncall" in groups',
  'client.startsWith("curl/") && method == "api-key"',
] as const;
/** Statements that speak of one application; the share that a request of it may meet stays the same at every size. */
const PER_APP = 10;

/** An organisation's policies: ten statements for each application, half of them with conditions, one in ten denies. */
export function statementsOf(size: number, conditions = true): PolicyStatement[] {
  return Array.from({ length: size }, (_, n): PolicyStatement => {
    const app = Math.floor(n / PER_APP);
    const part = n % PER_APP;
    return {
      id: `s${n}`,
      effect: part === 9 ? 'deny' : 'allow',
      principals: part % 3 === 0 ? [`@team-${app % 40}`] : [`app:service-${app}`],
      actions: [ACTIONS[part % ACTIONS.length] ?? 'read', 'read'],
      resources: [part % 2 === 0 ? `team-${app % 40}/app-${app}/**` : `team-${app % 40}/app-${app}/db-*`],
      ...(conditions && part % 2 === 1 && { condition: CONDITIONS[n % CONDITIONS.length] }),
    };
  });
}

/** What the clocks of Zurich showed in the summer the requests are of. */
export function wallClockOf(at: number): { readonly weekday: number; readonly minute: number } {
  const there = new Date(at + 2 * 3_600_000);
  return { weekday: there.getUTCDay(), minute: there.getUTCHours() * 60 + there.getUTCMinutes() };
}

/** Requests spread over all applications. */
export function requestsOf(size: number, count: number): AccessRequest[] {
  const random = seeded(size);
  const apps = Math.max(1, Math.floor(size / PER_APP));
  return Array.from({ length: count }, (_, n): AccessRequest => {
    const app = Math.floor(random() * apps);
    return {
      principal: `app:service-${app}`,
      groups: [`team-${app % 40}`],
      action: ACTIONS[Math.floor(random() * ACTIONS.length)] ?? 'read',
      path: `team-${app % 40}/app-${app}/db-${Math.floor(random() * 9)}`,
      method: 'api-key',
      secondFactor: random() < 0.5,
      client: 'curl/8.1',
      reason: null,
      address: `10.${Math.floor(random() * 4)}.2.3`,
      tags: { env: random() < 0.5 ? 'prod' : 'dev' },
      // One after the other, as they come.
      at: Date.parse('2026-06-01T09:00:00Z') + n * 10,
    };
  });
}
