import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';

/** Resolves when fine. A returned text says in a few fixed words what is not; a throw says only that it is not. */
export type Check = () => undefined | string | Promise<unknown>;

export interface OperationsOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  readonly checks?: Readonly<Record<string, Check>>;
  readonly registry: Pick<Registry, 'metrics' | 'contentType'>;
  /** A check that takes longer has failed. Default 2 s. */
  readonly checkTimeoutMs?: number;
}

export interface Operations {
  readonly url: string;
  readonly port: number;
  addCheck(name: string, check: Check): void;
  /** From now on not ready, whatever the checks say: called before anything is closed. */
  setDraining(): void;
  close(): Promise<void>;
}

/** A page of metrics is wanted most while something hangs, so it does not wait for it long. */
const METRICS_WITHIN_MS = 800;

interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  readonly reason?: string;
}

/** `/livez` (never looks at dependencies), `/readyz` (lists every check, 503 when one fails or while draining) and `/metrics`. */
export async function startOperations(options: OperationsOptions): Promise<Operations> {
  const checks = new Map<string, Check>(Object.entries(options.checks ?? {}));
  const timeoutMs = options.checkTimeoutMs ?? 2_000;
  let draining = false;

  const runChecks = (withinMs = timeoutMs): Promise<CheckResult[]> =>
    Promise.all([...checks].map(([name, check]) => runCheck(name, check, withinMs)));

  const readiness = async (): Promise<{ status: number; body: unknown }> => {
    const results = await runChecks();
    const failing = results.filter(({ ok }) => !ok).map(({ name }) => name);
    const ready = !draining && failing.length === 0;
    const state = draining ? 'draining' : ready ? 'ready' : 'not ready';
    return { status: ready ? 200 : 503, body: { status: state, failing, checks: results } };
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    if (request.method !== 'GET' && request.method !== 'HEAD') send(response, 405, { status: 'GET only' });
    else if (path === '/livez') send(response, 200, { status: 'alive' });
    else if (path === '/readyz') {
      const { status, body } = await readiness();
      send(response, status, body);
    } else if (path === '/metrics') {
      const [text, results] = await Promise.all([options.registry.metrics(), runChecks(METRICS_WITHIN_MS)]);
      response
        .writeHead(200, { 'content-type': options.registry.contentType })
        .end(`${text.trimEnd()}\n\n${checksText(results)}`);
    } else send(response, 404, { status: 'not found', paths: ['/livez', '/readyz', '/metrics'] });
  };

  const server = createServer((request, response) => {
    answer(request, response).catch(() => send(response, 500, { status: 'failed' }));
  });
  const host = options.host ?? '127.0.0.1';
  const port = await listen(server, options.port, host);
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    addCheck: (name, check) => void checks.set(name, check),
    setDraining: () => {
      draining = true;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The checks of `/readyz` as metrics, so that an alert can name what is not. */
function checksText(results: readonly CheckResult[]): string {
  const lines = results.map(
    ({ name, ok }) => `keyfleet_check_ok{check="${name.replaceAll(' ', '-')}"} ${ok ? 1 : 0}`,
  );
  return `# HELP keyfleet_check_ok 1 while a check of /readyz passes.\n# TYPE keyfleet_check_ok gauge\n${lines.join('\n')}\n`;
}

function listen(server: ReturnType<typeof createServer>, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

/** Errors of drivers carry addresses and statements, so only our own words leave here. */
async function runCheck(name: string, check: Check, timeoutMs: number): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('timed out'), timeoutMs);
  });
  try {
    const reason = await Promise.race([(async (): Promise<unknown> => check())(), late]);
    return typeof reason === 'string' ? { name, ok: false, reason } : { name, ok: true };
  } catch {
    return { name, ok: false, reason: 'failed' };
  } finally {
    clearTimeout(timer);
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return void response.end();
  response
    .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(JSON.stringify(body));
}
