import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import fc from 'fast-check';
import { createMetrics } from './metrics.js';
import { startOperations } from './server.js';
import { createShutdown } from './shutdown.js';
import { childTraceparent, continueTrace, parseTraceparent } from './tracing.js';

describe('the operations port', () => {
  const metrics = createMetrics({ service: 'registry', version: '1.2.3', runtime: false });

  async function get(url: string): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(url);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  it('names every check, and is not ready while one fails, hangs or the process drains', async () => {
    const store: { reason?: string } = {};
    const operations = await startOperations({
      port: 0,
      registry: metrics.registry,
      checkTimeoutMs: 50,
      checks: { store: () => store.reason, migrations: async () => {} },
    });
    expect(await get(`${operations.url}/readyz`)).toMatchObject({
      status: 200,
      body: { status: 'ready', failing: [] },
    });
    store.reason = 'behind';
    operations.addCheck('nats', () => Promise.reject(new Error('nats://user:hunter2@n refused')));
    operations.addCheck('redis', () => new Promise<void>(() => {}));
    const failing = await get(`${operations.url}/readyz`);
    expect(failing).toMatchObject({
      status: 503,
      body: {
        status: 'not ready',
        failing: ['store', 'nats', 'redis'],
        checks: [
          { name: 'store', ok: false, reason: 'behind' },
          { name: 'migrations', ok: true },
          { name: 'nats', ok: false, reason: 'failed' },
          { name: 'redis', ok: false, reason: 'timed out' },
        ],
      },
    });
    expect(JSON.stringify(failing)).not.toContain('hunter2');
    expect(await get(`${operations.url}/livez`)).toMatchObject({ status: 200 });
    await operations.close();
  });

  it('is not ready from the moment it drains, and alive all the while', async () => {
    const operations = await startOperations({ port: 0, registry: metrics.registry });
    operations.setDraining();
    expect(await get(`${operations.url}/readyz`)).toMatchObject({
      status: 503,
      body: { status: 'draining' },
    });
    expect(await get(`${operations.url}/livez`)).toMatchObject({ status: 200 });
    await operations.close();
  });

  it('answers metrics, and nothing else', async () => {
    const operations = await startOperations({ port: 0, registry: metrics.registry });
    const text = await (await fetch(`${operations.url}/metrics`)).text();
    expect(text).toMatch(/keyfleet_build_info\{service="registry",version="1.2.3",node="v\d+.*"\} 1/);
    expect((await get(`${operations.url}/secret`)).status).toBe(404);
    expect((await fetch(`${operations.url}/livez`, { method: 'POST' })).status).toBe(405);
    await operations.close();
  });
});

describe('metrics', () => {
  it('refuse names without our prefix or unit, and labels that would name an agent or a secret', () => {
    const { counter, gauge, histogram } = createMetrics({ service: 's', version: '1', runtime: false });
    expect(() => counter({ name: 'events_total', help: 'x' })).toThrow(/keyfleet_/);
    expect(() => counter({ name: 'keyfleet_events', help: 'x' })).toThrow(/unit/);
    expect(() => histogram({ name: 'keyfleet_wait_ms', help: 'x' })).toThrow(/unit/);
    for (const label of [
      'agent',
      'agentId',
      'agent_id',
      'secret',
      'secretPath',
      'path',
      'org',
      'orgId',
      'id',
    ])
      expect(() => gauge({ name: 'keyfleet_lag_seconds', help: 'x', labelNames: [label] })).toThrow(label);
    counter({ name: 'keyfleet_events_total', help: 'x', labelNames: ['result'] }).inc({ result: 'stored' });
  });

  it('bring the runtime of the process under our prefix', async () => {
    const { registry } = createMetrics({ service: 's', version: '1' });
    const names = (await registry.getMetricsAsJSON()).map(({ name }) => name);
    expect(names.filter((name) => !name.startsWith('keyfleet_'))).toEqual([]);
    expect(names).toContain('keyfleet_process_resident_memory_bytes');
  });
});

describe('shutdown', () => {
  const silent = { info: () => {}, error: () => {} };

  it('aborts the signal first, runs the hooks from last to first, once, and goes on after one that fails', async () => {
    const order: string[] = [];
    const codes: number[] = [];
    const shutdown = createShutdown({
      logger: silent,
      endWithParent: false,
      exit: (code) => void codes.push(code),
    });
    shutdown.signal.addEventListener('abort', () => order.push('aborted'));
    shutdown.onShutdown('database', () => void order.push('database'));
    shutdown.onShutdown('broken', () => Promise.reject(new Error('no')));
    shutdown.onShutdown('http', async () => void order.push('http'));
    await Promise.all([shutdown.begin('test'), shutdown.begin('again')]);
    expect(order).toEqual(['aborted', 'http', 'database']);
    expect(codes).toEqual([1]);
  });

  it('ends at its ceiling when a hook hangs, and says which hooks were not done', async () => {
    const said: [object, string][] = [];
    const note = (...line: unknown[]): void => void said.push(line as [object, string]);
    const ended = new Promise<number>((resolve) => {
      const shutdown = createShutdown({
        logger: { info: note, error: note },
        endWithParent: false,
        ceilingMs: 20,
        exit: resolve,
      });
      shutdown.onShutdown('database', () => {});
      shutdown.onShutdown('stuck', () => new Promise(() => {}));
      shutdown.onShutdown('http', () => {});
      void shutdown.begin('test');
    });
    expect(await ended).toBe(1);
    expect(said).toEqual([
      [{ reason: 'test' }, 'Shutting down'],
      [{ reason: 'test', hook: 'stuck', waiting: ['database'] }, 'Shutdown took too long; ending now'],
    ]);
  });

  it('says when everything is closed, before the process ends', async () => {
    const said: unknown[] = [];
    const shutdown = createShutdown({
      logger: { info: (...line: unknown[]) => void said.push(line[1]), error: () => {} },
      endWithParent: false,
      exit: (code) => void said.push(code),
    });
    shutdown.onShutdown('http', () => void said.push('http'));
    await shutdown.begin('test');
    expect(said).toEqual(['Shutting down', 'http', 'Everything is closed', 0]);
  });
});

describe('a process that ends', () => {
  const SCRIPT = `
    import { registerSources } from ${JSON.stringify(join(process.cwd(), 'libs/testing/jest/register-sources.mjs'))};
    registerSources();
    const { createShutdown } = await import(${JSON.stringify(join(process.cwd(), 'libs/platform/src/operations/shutdown.ts'))});
    const logger = { info: (fields, text) => console.log(text + ': ' + fields.reason), error: () => {} };
    const shutdown = createShutdown({ logger });
    shutdown.onShutdown('hook', () => console.log('closed'));
    setInterval(() => {}, 1000);
    console.log('running');
  `;

  async function endedBy(end: (child: ChildProcess) => void): Promise<{ code: number | null; out: string }> {
    const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    let out = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      if (out === '' && String(chunk).includes('running')) end(child);
      out += String(chunk);
    });
    const ended = new Promise((resolve) => child.stdout?.once('end', resolve));
    const [code] = (await once(child, 'exit')) as [number | null];
    await ended;
    return { code, out };
  }

  it('runs its hooks on SIGTERM and on Ctrl-C', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      expect(await endedBy((child) => child.kill(signal))).toEqual({
        code: 0,
        out: `running\nShutting down: ${signal}\nclosed\nEverything is closed: ${signal}\n`,
      });
  });

  it('runs them when its launcher is gone', async () => {
    expect(await endedBy((child) => child.disconnect())).toEqual({
      code: 0,
      out: 'running\nShutting down: the launcher is gone\nclosed\nEverything is closed: the launcher is gone\n',
    });
  });
});

describe('trace context', () => {
  it('goes on in the same trace under a new span', () => {
    const parent = parseTraceparent('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
    expect(parent).toEqual({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      parentId: 'b7ad6b7169203331',
      sampled: true,
    });
    const child = parseTraceparent(childTraceparent(parent));
    expect(child).toMatchObject({ traceId: parent?.traceId, sampled: true });
    expect(child?.parentId).not.toBe(parent?.parentId);
  });

  it('refuses everything that is not exactly a traceparent', () => {
    const refused = [
      undefined,
      42,
      '',
      'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      '00-00000000000000000000000000000000-b7ad6b7169203331-01',
      '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01',
      '00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01',
      '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more',
      `cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-${'x'.repeat(200)}`,
    ];
    expect(refused.map(parseTraceparent)).toEqual(refused.map(() => undefined));
    expect(parseTraceparent('cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-later')).toMatchObject({
      sampled: false,
    });
  });

  it('is always a valid one of our own, whatever came in', () => {
    fc.assert(
      fc.property(fc.anything(), (header) => {
        const trace = continueTrace(header);
        expect(parseTraceparent(trace.traceparent)).toMatchObject({ traceId: trace.traceId });
      }),
    );
  });
});
