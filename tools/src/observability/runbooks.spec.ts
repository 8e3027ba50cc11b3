import { documentedMetrics } from './metrics-page.js';
import { alertsOf, readRules } from './rules.js';
import { looksIn, readRunbooks } from './runbooks.js';

const alerts = alertsOf(readRules());
const { page, entries } = readRunbooks();

describe('the runbooks', () => {
  it('have an entry for each alert, and no entry without one', () => {
    expect(entries.map(({ alert }) => alert).sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });

  it('are where the alerts say', () => {
    const anchors = new Set(entries.map(({ alert }) => alert.toLowerCase().replaceAll(/[^a-z0-9 -]/g, '')));
    const lost = alerts.filter(
      ({ annotations }) => !anchors.has(annotations?.['runbook_url']?.split('#')[1] ?? ''),
    );
    expect(lost).toEqual([]);
  });

  it.each(entries)(
    '$alert: says what it means, what users notice, how to look and mend, and when it is over',
    ({ text }) => {
      for (const part of ['What it means.', 'What users notice.', 'Look.', 'Mend.', 'It is over when'])
        expect(text).toMatch(new RegExp(`^\\*\\*${part}\\*\\*\\s+\\S`, 'm'));
      expect(text).toMatch(/^```(sh|console)$/m);
    },
  );

  it('look for metrics that exist', () => {
    const names = documentedMetrics().map(({ name }) => name);
    const parts = looksIn(page)
      .filter((command) => command.startsWith('npm run keyfleet -- metrics '))
      .flatMap((command) => command.split(' ').slice(5));
    const lost = parts.filter(
      (part) => !names.some((name) => name.includes(part.replace(/_(sum|count)$/, ''))),
    );
    expect(lost).toEqual([]);
  });

  it('name only metrics that exist', () => {
    const names = new Set(documentedMetrics().map(({ name }) => name));
    const named = [...page.matchAll(/`(keyfleet_\w+)`/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !names.has(name))).toEqual([]);
  });
});
