import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fieldsOf, inner } from './protobuf.js';

export interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  /** Hex. */
  readonly traceId: string;
  readonly spanId: string;
  /** Empty where the trace begins here. */
  readonly parentId: string;
  /** Trace ids of other traces it is linked to. */
  readonly links: readonly string[];
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

/** Stands in for a collector: takes spans over OTLP/HTTP as protobuf and keeps them. */
export class OtlpReceiver {
  readonly #server = createServer((request, response) => {
    this.#take(request).then(
      () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(),
      () => response.writeHead(400).end(),
    );
  });
  readonly spans: ReceivedSpan[] = [];
  /** Every body as it came. */
  readonly bodies: Buffer[] = [];
  /** Told of each body. */
  onBody: (body: Buffer) => void = () => {};

  static async start(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/traces`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(request: IncomingMessage): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    if (request.headers['content-type'] !== 'application/x-protobuf') throw new TypeError('not protobuf');
    this.bodies.push(body);
    this.onBody(body);
    this.spans.push(...spansOf(body));
  }
}

/** The spans of an `ExportTraceServiceRequest`. */
export function spansOf(request: Buffer): ReceivedSpan[] {
  return inner(request, 1).flatMap((resourceSpans) => {
    const resource = attributesOf(inner(resourceSpans, 1)[0] ?? Buffer.alloc(0), 1);
    const service = String(resource['service.name'] ?? '');
    return inner(resourceSpans, 2).flatMap((scope) => inner(scope, 2).map((span) => spanOf(service, span)));
  });
}

function spanOf(service: string, span: Buffer): ReceivedSpan {
  const hex = (number: number) => inner(span, number)[0]?.toString('hex') ?? '';
  return {
    service,
    name: inner(span, 5)[0]?.toString('utf8') ?? '',
    traceId: hex(1),
    spanId: hex(2),
    parentId: hex(4),
    links: inner(span, 13).map((link) => inner(link, 1)[0]?.toString('hex') ?? ''),
    attributes: attributesOf(span, 9),
  };
}

function attributesOf(message: Buffer, number: number): Record<string, string | number | boolean> {
  const pairs = inner(message, number).map((pair) => {
    const [key, value] = [inner(pair, 1)[0], inner(pair, 2)[0]];
    return [key?.toString('utf8') ?? '', anyValue(value ?? Buffer.alloc(0))] as const;
  });
  return Object.fromEntries(pairs);
}

function anyValue(message: Buffer): string | number | boolean {
  for (const { number, value } of fieldsOf(message)) {
    if (number === 1 && Buffer.isBuffer(value)) return value.toString('utf8');
    if (number === 2) return value === 1n;
    if (number === 3 && typeof value === 'bigint') return Number(value);
    if (number === 4 && Buffer.isBuffer(value)) return value.readDoubleLE();
  }
  return '';
}
