import { once } from 'node:events';
import { createServer as createPlain, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import {
  type CertificateAuthority,
  certificatePin,
  createCertificateAuthority,
  issueServerCertificate,
  loadCertificateAuthority,
} from '@keyfleet/crypto';

export interface Answer {
  readonly status: number;
  readonly body?: object;
  readonly headers?: Record<string, string>;
}

/** What a request was answered with, by path; it may take its time. */
export type Route = (body: Record<string, unknown>) => Answer | Promise<Answer>;

export interface Gateway {
  readonly url: string;
  /** Of the authority it shows; agents pin this. */
  readonly pin: string;
  readonly authority: CertificateAuthority;
  /** Bodies that came, in order. */
  readonly received: Record<string, unknown>[];
  /** Connections, whether or not a request followed. */
  connections(): number;
  close(): Promise<void>;
}

const DAY = 86_400_000;

export async function newAuthority(commonName = 'test'): Promise<CertificateAuthority> {
  return loadCertificateAuthority(
    await createCertificateAuthority({ commonName, now: Date.now(), validForMs: DAY }),
  );
}

export interface GatewayOptions {
  readonly routes: Record<string, Route>;
  /** Plain HTTP, without a certificate. */
  readonly plain?: boolean;
  readonly authority?: CertificateAuthority;
  /** What it shows behind its certificate; the authority's own certificate by default. */
  readonly shows?: string;
  readonly names?: readonly string[];
}

/** The control plane's public edge, as far as an agent speaks to it. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const authority = options.authority ?? (await newAuthority());
  const received: Record<string, unknown>[] = [];
  const server = options.plain ? createPlain() : await tlsServer(options, authority);
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  server.on('request', async (request: IncomingMessage, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const body = JSON.parse(text) as Record<string, unknown>;
    received.push(body);
    const route = options.routes[request.url ?? ''];
    const answer = route ? await route(body) : { status: 404, body: { code: 'resource.not-found' } };
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    response.end(JSON.stringify(answer.body ?? {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${options.plain ? 'http' : 'https'}://127.0.0.1:${port}`,
    pin: certificatePin(authority.certificate),
    authority,
    received,
    connections: () => connections,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function tlsServer(options: GatewayOptions, authority: CertificateAuthority): Promise<Server> {
  const { certificate, privateKey } = await issueServerCertificate(authority, {
    commonName: 'gateway',
    names: options.names ?? ['127.0.0.1'],
    now: Date.now(),
    validForMs: DAY,
  });
  return createTls({ key: privateKey, cert: `${certificate}\n${options.shows ?? authority.certificate}` });
}
