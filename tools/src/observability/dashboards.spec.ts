import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '@keyfleet/testing';
import { parse } from 'yaml';
import { documentedMetrics } from './metrics-page.js';
import { Promtool } from './promtool.js';
import { alertsOf, familyOf, metricsIn, readRules } from './rules.js';

const GRAFANA = join(process.cwd(), 'deploy/grafana');
const MOST_PANELS = 12;

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly description: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly links: readonly { readonly title: string; readonly url: string }[];
  readonly fieldConfig: { readonly defaults: { readonly unit?: string } };
  readonly targets: readonly { readonly expr: string; readonly refId: string }[];
}

interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string }[] };
}

const files = readdirSync(join(GRAFANA, 'dashboards'));
const dashboards = files.map((file) => ({
  file,
  ...(JSON.parse(readFileSync(join(GRAFANA, 'dashboards', file), 'utf8')) as Dashboard),
}));
const panels = dashboards.flatMap(({ file, panels: own }) => own.map((panel) => ({ file, panel })));

/** As Grafana fills it in for a short view. */
function filled(expr: string): string {
  return expr.replaceAll('$__rate_interval', '5m');
}

describe('the dashboards', () => {
  it('are the five an installation is looked at by, each small enough for one look', () => {
    expect(files.sort()).toEqual([
      'api.json',
      'fleet.json',
      'ingest.json',
      'projections.json',
      'queues.json',
    ]);
    for (const { file, uid, panels: own } of dashboards) {
      expect(uid).toBe(`keyfleet-${file.replace('.json', '')}`);
      expect(own.length).toBeLessThanOrEqual(MOST_PANELS);
      expect(new Set(own.map(({ id }) => id)).size).toBe(own.length);
    }
  });

  it('say of every panel what it shows, in which unit, and lead on from it', () => {
    const anchors = new Set(alertsOf(readRules()).map(({ alert }) => alert.toLowerCase()));
    const uids = new Set(dashboards.map(({ uid }) => `/d/${uid}`));
    for (const { file, panel } of panels) {
      const said = { file, title: panel.title, unit: panel.fieldConfig.defaults.unit };
      expect(said).toEqual({ ...said, unit: expect.stringMatching(/^[a-z_]+$/i) });
      expect(panel.description).toMatch(/\S{3}.*\.$/);
      expect(panel.links.length).toBeGreaterThan(0);
      for (const { title, url } of panel.links) {
        expect(title).not.toBe('');
        const anchor = /runbooks#(.+)$/.exec(url)?.[1];
        if (anchor) expect(anchors).toContain(anchor);
        else if (url.startsWith('/d/')) expect(uids).toContain(url);
        else expect(url).toMatch(/^\$\{keyfleet_url\}\/|^https:\/\/keyfleet\.dev\/guide\//);
      }
    }
  });

  it('do not overlap', () => {
    for (const { file, panels: own } of dashboards)
      for (const [index, a] of own.entries())
        for (const b of own.slice(index + 1)) {
          const apart =
            a.gridPos.x + a.gridPos.w <= b.gridPos.x ||
            b.gridPos.x + b.gridPos.w <= a.gridPos.x ||
            a.gridPos.y + a.gridPos.h <= b.gridPos.y ||
            b.gridPos.y + b.gridPos.h <= a.gridPos.y;
          expect({ file, a: a.title, b: b.title, apart }).toEqual({
            file,
            a: a.title,
            b: b.title,
            apart: true,
          });
        }
  });

  it('ask only for metrics that exist', () => {
    const recorded = readRules().flatMap(({ record }) => (record ? [record] : []));
    const known = new Set([...documentedMetrics().map(({ name }) => name), ...recorded]);
    const unknown = panels.flatMap(({ file, panel }) =>
      panel.targets.flatMap(({ expr }) =>
        metricsIn(expr)
          .filter((name) => !known.has(name) && !known.has(familyOf(name)))
          .map((name) => `${file}, ${panel.title}: ${name}`),
      ),
    );
    expect(unknown).toEqual([]);
  });

  it('ask in a language Prometheus understands', async () => {
    const promtool = await Promtool.find();
    if (!promtool) return;
    const rules = panels.flatMap(({ panel }) => panel.targets.map(({ expr }) => filled(expr)));
    const folder = temporaryDirectory('queries');
    mkdirSync(folder, { recursive: true });
    const groups = [
      { name: 'queries', rules: rules.map((expr, index) => ({ record: `query:${index}`, expr })) },
    ];
    writeFileSync(join(folder, 'queries.yml'), JSON.stringify({ groups }));
    const verdict = await promtool.run(['check', 'rules', 'queries.yml'], folder);
    expect(verdict).toMatchObject({
      ok: true,
      output: expect.stringContaining(`${rules.length} rules found`),
    });
  }, 120_000);

  it('find their data and their place through what is provisioned', () => {
    const read = (path: string) =>
      parse(readFileSync(join(GRAFANA, 'provisioning', path), 'utf8')) as unknown;
    expect(read('datasources/keyfleet.yml')).toMatchObject({
      apiVersion: 1,
      datasources: [{ type: 'prometheus' }],
    });
    expect(read('dashboards/keyfleet.yml')).toMatchObject({ apiVersion: 1, providers: [{ type: 'file' }] });
    for (const { templating } of dashboards)
      expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'keyfleet_url']);
  });
});
