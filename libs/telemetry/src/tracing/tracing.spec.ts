import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import fc from 'fast-check';
import { AsyncContext } from './async-context.js';
import { traceparentOnly } from './propagator.js';
import { tracingSettings } from './settings.js';

const PREPARE = `
  import { registerHooks } from 'node:module';
  import { registerSources } from ${JSON.stringify(join(process.cwd(), 'libs/testing/jest/register-sources.mjs'))};
  registerSources();
  const loaded = new Set();
  registerHooks({ resolve: (specifier, at, next) => (loaded.add(specifier), next(specifier, at)) });
  const { startTracing } = await import(${JSON.stringify(join(process.cwd(), 'libs/telemetry/src/tracing/start.ts'))});
  const { inSpan, isTracing, currentTraceparent, recordSpan } = await import('@keyfleet/platform');
  const sdk = () => [...loaded].filter((name) => /^@opentelemetry\\/(sdk|exporter|resources)/.test(name));
`;

/** In a process of its own: what a process loads, it has loaded for good. */
function inProcess(script: string): unknown {
  const done = spawnSync(process.execPath, ['--input-type=module', '-e', PREPARE + script], {
    encoding: 'utf8',
  });
  if (done.status !== 0) throw new Error(done.stderr);
  return JSON.parse(done.stdout);
}

describe('tracing', () => {
  it('loads nothing and does nothing where it has nowhere to send spans', () => {
    const found = inProcess(`
      const tracing = await startTracing({ service: 's', version: '1', settings: { ratio: 1 } });
      const inside = await inSpan('work', {}, async () => currentTraceparent() ?? 'none');
      recordSpan('done', { startedAt: 0 });
      await tracing.close();
      console.log(JSON.stringify({ sdk: sdk(), on: isTracing(), inside }));
    `);
    expect(found).toEqual({ sdk: [], on: false, inside: 'none' });
  });

  it('carries the span of now through promises and timers, and ends in time where nobody takes the spans', () => {
    const found = inProcess(`
      const settings = { endpoint: 'http://127.0.0.1:1/v1/traces', ratio: 1 };
      const tracing = await startTracing({ service: 's', version: '1', settings });
      const seen = await inSpan('outer', {}, async () => {
        const outer = currentTraceparent();
        await new Promise((resolve) => setTimeout(resolve, 1));
        const inner = await inSpan('inner', {}, async () => currentTraceparent());
        return { outer, after: currentTraceparent(), inner };
      });
      const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const under = await inSpan('under', { parent }, async () => currentTraceparent());
      const unsampled = await inSpan('not', { parent: parent.replace(/01$/, '00') }, async () => currentTraceparent() ?? 'none');
      await tracing.close();
      console.log(JSON.stringify({ ...seen, under, unsampled, outside: currentTraceparent() ?? 'none', sdk: sdk().length > 0 }));
    `) as Record<string, string>;
    const traceOf = (header = '') => header.slice(3, 35);
    expect(found['outer']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(found['after']).toBe(found['outer']);
    expect(found['inner']).not.toBe(found['outer']);
    expect(traceOf(found['inner'])).toBe(traceOf(found['outer']));
    expect(traceOf(found['under'])).toBe('0af7651916cd43dd8448eb211c80319c');
    expect(found).toMatchObject({ unsampled: 'none', outside: 'none', sdk: true });
  }, 20_000);

  it('gives on what came in and takes nothing that is no traceparent', () => {
    const carrier: Record<string, string> = {};
    const setter = { set: (into: typeof carrier, key: string, value: string) => void (into[key] = value) };
    const getter = {
      keys: Object.keys,
      get: (from: Record<string, unknown>, key: string) => from[key] as string,
    };
    const header = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const given = traceparentOnly.extract(ROOT_CONTEXT, { traceparent: header, tracestate: 'a=b' }, getter);
    traceparentOnly.inject(given, carrier, setter);
    expect(carrier).toEqual({ traceparent: header });
    fc.assert(
      fc.property(fc.anything(), (anything) => {
        const found = traceparentOnly.extract(ROOT_CONTEXT, { traceparent: anything }, getter);
        expect(trace.getSpanContext(found)).toBeUndefined();
      }),
    );
  });

  it('keeps contexts of work that runs side by side apart', async () => {
    const manager = new AsyncContext();
    const key = Symbol('key');
    const seen = await Promise.all(
      [1, 2, 3].map((value) =>
        manager.with(context.active().setValue(key, value), async () => {
          await new Promise((resolve) => setTimeout(resolve, 4 - value));
          return manager.active().getValue(key);
        }),
      ),
    );
    expect(seen).toEqual([1, 2, 3]);
    expect(manager.active()).toBe(ROOT_CONTEXT);
    const bound = manager.bind(ROOT_CONTEXT.setValue(key, 9), () => manager.active().getValue(key));
    expect(bound()).toBe(9);
  });

  it('is configured by an address and a share, and refuses what is neither', () => {
    expect(tracingSettings.parse(undefined)).toEqual({ ratio: 1 });
    expect(tracingSettings.parse({ endpoint: 'http://otel:4318/v1/traces', ratio: '0.1' })).toMatchObject({
      ratio: 0.1,
    });
    expect(tracingSettings.safeParse({ endpoint: 'ftp://x' }).success).toBe(false);
    expect(tracingSettings.safeParse({ ratio: 2 }).success).toBe(false);
  });
});
