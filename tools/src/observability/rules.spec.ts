import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '@keyfleet/testing';
import { parse } from 'yaml';
import { documentedMetrics } from './metrics-page.js';
import { Promtool } from './promtool.js';
import { alertsOf, countedIn, familyOf, metricsIn, readRules, seriesOf } from './rules.js';

const PROMETHEUS = join(process.cwd(), 'deploy/prometheus');
const RUNBOOKS = 'https://keyfleet.dev/guide/runbooks#';
const rules = readRules();
const alerts = alertsOf(rules);

interface UnitTests {
  readonly tests: readonly {
    readonly alert_rule_test: readonly {
      readonly alertname: string;
      readonly exp_alerts: readonly unknown[];
    }[];
  }[];
}

describe('alert rules', () => {
  let promtool: Promtool | undefined;

  beforeAll(async () => {
    promtool = await Promtool.find();
  }, 120_000);

  it('say how bad it is, what it is, and where it says what to do', () => {
    expect(alerts.length).toBeGreaterThan(30);
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
    for (const { alert, labels, annotations } of alerts) {
      expect(alert).toMatch(/^Keyfleet[A-Za-z]+$/);
      expect({ alert, severity: labels?.['severity'] }).toEqual({
        alert,
        severity: expect.stringMatching(/^(critical|warning)$/),
      });
      expect(annotations).toEqual({
        summary: expect.stringMatching(/\S{3}/),
        description: expect.stringMatching(/\.$/),
        runbook_url: `${RUNBOOKS}${alert.toLowerCase()}`,
      });
    }
  });

  it('have each one test in which it fires and one in which it does not', () => {
    const folder = join(PROMETHEUS, 'tests');
    const seen = readdirSync(folder)
      .map((file) => parse(readFileSync(join(folder, file), 'utf8')) as UnitTests)
      .flatMap(({ tests }) => tests.flatMap(({ alert_rule_test }) => alert_rule_test));
    const named = (fires: boolean) =>
      new Set(
        seen.filter(({ exp_alerts }) => exp_alerts.length > 0 === fires).map(({ alertname }) => alertname),
      );
    const all = alerts.map(({ alert }) => alert).sort();
    expect([...named(true)].sort()).toEqual(all);
    // These fire with the first sample that shows what they look for; there is no moment before.
    expect(all.filter((alert) => !named(false).has(alert))).toEqual([
      'KeyfleetQuarantineGrowing',
      'KeyfleetRestarting',
      'KeyfleetSignInsLimited',
    ]);
  });

  it('name only metrics that are documented, and series that are recorded', () => {
    const recorded = new Set(rules.map(({ record }) => record));
    const documented = new Set(documentedMetrics().map(({ name }) => name));
    const unknown = rules.flatMap(({ expr, alert, record }) =>
      metricsIn(expr)
        .filter((name) => !recorded.has(name) && !documented.has(name) && !documented.has(familyOf(name)))
        .map((name) => `${alert ?? record}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  it('tell what they ask the growth of, and a page whether it is there', () => {
    const all = rules.map(({ expr }) => expr).join('\n');
    expect(countedIn(all)).toHaveLength(all.match(/increase|\brate\(/g)?.length ?? 0);
    const page = 'a_total{because="gap"} 0\na_total{because="fork",x="y"} 3\na_totals 1\nb_total 0\n';
    expect(seriesOf(page, 'a_total')).toEqual([{ because: 'gap' }, { because: 'fork', x: 'y' }]);
    expect(seriesOf(page, 'b_total')).toEqual([{}]);
    const fitting = (query: string) =>
      countedIn(query).map(({ series, fits }) => seriesOf(page, series).filter(fits).length);
    expect(fitting('increase(a_total{because="gap"}[1h]) + rate(b_total[5m])')).toEqual([1, 1]);
    expect(fitting('rate(a_total{because=~"g.*|fork"}[1h]) or rate(a_total{because!="gap"}[1h])')).toEqual([
      2, 1,
    ]);
    expect(fitting('rate(a_total{because="other"}[1h]) or rate(c_total[1h])')).toEqual([0, 0]);
  });

  it('are taken by Prometheus, with the configuration beside them', async () => {
    if (!promtool) return;
    const config = await promtool.run(['check', 'config', 'prometheus.yml'], PROMETHEUS);
    expect(config).toMatchObject({ ok: true, output: expect.stringContaining('is valid') });
  });

  it('S8: fire when they should, and no other one for what only follows from blindness', async () => {
    if (!promtool) return;
    const tests = readdirSync(join(PROMETHEUS, 'tests')).map((file) => `tests/${file}`);
    expect(await promtool.run(['test', 'rules', ...tests], PROMETHEUS)).toMatchObject({ ok: true });
  }, 120_000);

  it('S8: of a rule that is broken, the tests say so', async () => {
    if (!promtool) return;
    const copy = temporaryDirectory('rules');
    mkdirSync(copy, { recursive: true });
    cpSync(PROMETHEUS, copy, { recursive: true });
    const file = join(copy, 'rules/projections.yml');
    // Without its condition the alert would ring beside the one for blindness.
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replace('unless on () keyfleet:detection_blind_lately', ''),
    );
    const verdict = await promtool.run(['test', 'rules', 'tests/projections.yml'], copy);
    expect(verdict).toMatchObject({ ok: false, output: expect.stringContaining('KeyfleetProjectionLag') });
  }, 120_000);
});
