import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { openBrowser, temporaryDirectory } from '@keyfleet/testing';
import type { Browser, Page, Route, WebSocketRoute } from 'playwright-core';

const ORIGIN = 'http://dashboard.test';
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

export interface Asked {
  /** `POST /auth/logout`, or `GraphQL` and the name of the operation. */
  readonly what: string;
  /** Variables of an operation, or the body. */
  readonly given: any;
}
export interface Answered {
  readonly status?: number;
  readonly body?: unknown;
}
/** A control plane of one sentence; undefined is no such thing. */
export type Answers = (asked: Asked) => Answered | undefined;

/** What GraphQL says where it refuses; not tried again by itself. */
export const refusal = (code: string, detail: string): Answered => ({
  body: { data: null, errors: [{ message: detail, extensions: { code } }] },
});

const SESSION = {
  user: { id: 'usr_1', email: 'ada@acme.example', name: 'Ada' },
  orgs: [{ id: 'org_1', slug: 'acme', name: 'Acme' }],
};

/** The dashboard as it is built, in a real browser, before a control plane that answers as a test says. */
export class Pages {
  readonly #built: string;
  readonly #browser: Browser;

  private constructor(built: string, browser: Browser) {
    this.#built = built;
    this.#browser = browser;
  }

  static async build(): Promise<Pages> {
    const built = temporaryDirectory('dashboard');
    const vite = join(process.cwd(), 'node_modules/vite/bin/vite.js');
    const args = ['build', '--outDir', built, '--emptyOutDir', '--minify', 'false', '--logLevel', 'warn'];
    await promisify(execFile)(process.execPath, [vite, ...args], { cwd: join(process.cwd(), 'apps/web') });
    return new Pages(built, await openBrowser());
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }

  async open(path: string, answers: Answers): Promise<Shown> {
    const page = await this.#browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(20_000);
    const shown = new Shown(page, answers);
    await page.route(`${ORIGIN}/**`, (route) => this.#file(route));
    await page.route(`${ORIGIN}/api/**`, (route) => shown.answer(route));
    await page.routeWebSocket(/\/api\/graphql/, (socket) => shown.follow(socket));
    await page.goto(`${ORIGIN}${path}`);
    return shown;
  }

  #file(route: Route): Promise<void> {
    const { pathname } = new URL(route.request().url());
    const wanted = join(this.#built, pathname);
    const file = extname(wanted) !== '' && existsSync(wanted) ? wanted : join(this.#built, 'index.html');
    return route.fulfill({ contentType: TYPES[extname(file)] ?? 'text/plain', body: readFileSync(file) });
  }
}

/** One page of it. */
export class Shown {
  readonly page: Page;
  /** What it asked the control plane, in order. */
  readonly asked: Asked[] = [];
  answers: Answers;
  #live: { readonly socket: WebSocketRoute; readonly id: string } | null = null;

  constructor(page: Page, answers: Answers) {
    this.page = page;
    this.answers = answers;
  }

  /** Says over the live feed that all of it changed. */
  announce(): void {
    if (!this.#live) throw new Error('Nobody follows the live feed.');
    const { socket, id } = this.#live;
    const fleetChanged = { reset: true, readModels: ['*'], agents: [] };
    socket.send(JSON.stringify({ id, type: 'next', payload: { data: { fleetChanged } } }));
  }

  async answer(route: Route): Promise<void> {
    const request = route.request();
    const asked = askedBy(request.method(), new URL(request.url()).pathname, request.postData());
    this.asked.push(asked);
    const answered =
      this.answers(asked) ?? (asked.what === 'GET /auth/session' ? { body: SESSION } : undefined);
    const { status = 200, body = {} } = answered ?? { status: 404, body: { code: 'resource.not-found' } };
    if (status === 204) await route.fulfill({ status });
    else await route.fulfill({ status, contentType: 'application/json', body: JSON.stringify(body) });
  }

  follow(socket: WebSocketRoute): void {
    socket.onMessage((text) => {
      const { type, id } = JSON.parse(String(text)) as { type: string; id: string };
      if (type === 'connection_init') socket.send('{"type":"connection_ack"}');
      if (type === 'ping') socket.send('{"type":"pong"}');
      if (type === 'subscribe') this.#live = { socket, id };
    });
  }
}

function askedBy(method: string, path: string, body: string | null): Asked {
  const given = body === null ? null : JSON.parse(body);
  if (!path.endsWith('/graphql')) return { what: `${method} ${path.slice('/api/v1'.length)}`, given };
  const [, name = ''] = /^\s*(?:query|mutation) (\w+)/.exec(given.query) ?? [];
  return { what: `GraphQL ${name}`, given: given.variables };
}
