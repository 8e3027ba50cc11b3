import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { KeyfleetError } from '@keyfleet/kernel';
import { PROBLEM_CONTENT_TYPE, toProblem } from '@keyfleet/platform';
import { newTraceId } from './trace.js';

/** For bytes that are no HTTP request, before there is anything to route: a problem document, and the connection ends. */
export function answerBroken(error: Error & { readonly code?: string }, socket: Socket): void {
  // Node has let go of the socket already where the peer reset it.
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const refused = tooLarge
    ? new KeyfleetError('request.too-large')
    : new KeyfleetError('request.malformed', { detail: 'This is not an HTTP request.' });
  socket.end(rawProblem(refused));
}

/** A whole HTTP answer as text, for sockets that no framework speaks for. */
export function rawProblem(error: KeyfleetError, instance = '/'): string {
  const { status, headers, body } = toProblem(error, { instance, traceId: newTraceId() });
  const text = JSON.stringify(body);
  const lines = Object.entries({
    ...headers,
    'content-type': PROBLEM_CONTENT_TYPE,
    'content-length': String(Buffer.byteLength(text)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${text}`;
}
