import { seeded } from '../random.js';
import { planKills, WEIGHTS } from './plan.js';

const countsOf = (kills: number) => {
  const counts = new Map<string, number>();
  for (const { target } of planKills(kills, seeded(3))) counts.set(target, (counts.get(target) ?? 0) + 1);
  return counts;
};

it('weighs a thousand kills', () => {
  expect(Object.values(WEIGHTS).reduce((sum, weight) => sum + weight, 0)).toBe(1_000);
  expect(Object.fromEntries(countsOf(1_000))).toEqual(WEIGHTS);
});

it.each([19, 20, 50, 100, 333])('plans %d kills with every kind among them', (kills) => {
  const counts = countsOf(kills);
  expect([...counts.keys()].sort()).toEqual(Object.keys(WEIGHTS).sort());
  expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBe(kills);
});

it('plans the same for the same seed', () => {
  expect(planKills(100, seeded(5))).toEqual(planKills(100, seeded(5)));
  expect(planKills(100, seeded(5))).not.toEqual(planKills(100, seeded(6)));
});
