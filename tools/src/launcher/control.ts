import { chmodSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { z } from 'zod';

/** What can be asked of a running launcher: one JSON object per line and connection, one answer. */
const request = z.discriminatedUnion('command', [
  z.strictObject({ command: z.literal('status') }),
  z.strictObject({
    command: z.literal('agent'),
    action: z.enum(['start', 'stop', 'list', 'enrol']),
    name: z.string().optional(),
  }),
]);
export type ControlRequest = z.infer<typeof request>;
export type ControlAnswer =
  | { readonly ok: true; readonly message: string; readonly pid?: number }
  | { readonly ok: false; readonly message: string };

/** Relative on purpose: a socket's path may have 108 bytes only, and a clone may lie deep. */
export const CONTROL_SOCKET = '.keyfleet/control.sock';

export type ControlHandler = (request: ControlRequest) => Promise<ControlAnswer>;

/** Also the lock that keeps a second launcher out of the same folder. */
export async function listenForControl(handler: ControlHandler, path = CONTROL_SOCKET): Promise<Server> {
  const other = await askLauncher({ command: 'status' }, path).catch(() => undefined);
  if (other)
    throw new Error(
      `Keyfleet is running here already. ${other.message}\nEnd it first (Ctrl-C in its terminal), then: npm start`,
    );
  rmSync(path, { force: true });
  const server = createServer((socket) => serve(socket, handler));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return server;
}

function serve(socket: Socket, handler: ControlHandler): void {
  socket.setEncoding('utf8');
  socket.on('error', () => socket.destroy());
  socket.once('data', (line: string) => {
    void answer(line, handler).then((result) => socket.end(`${JSON.stringify(result)}\n`));
  });
}

async function answer(line: string, handler: ControlHandler): Promise<ControlAnswer> {
  try {
    return await handler(request.parse(JSON.parse(line)));
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

/** Rejects where no launcher listens. */
export function askLauncher(asked: ControlRequest, path = CONTROL_SOCKET): Promise<ControlAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let text = '';
    socket.setEncoding('utf8');
    socket.on('error', reject);
    socket.on('connect', () => socket.write(`${JSON.stringify(asked)}\n`));
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('end', () => {
      try {
        resolve(JSON.parse(text) as ControlAnswer);
      } catch {
        reject(new Error('The launcher ended before it answered.'));
      }
    });
  });
}
