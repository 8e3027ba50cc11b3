import { connect, createServer } from 'node:net';

/** A port nobody listens on at 127.0.0.1; the preferred one where it is free. */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred) {
    const found = await listenOnce(preferred).catch(() => undefined);
    if (found) return found;
  }
  return listenOnce(0);
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const found = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(found));
    });
  });
}

/** Sends `greeting` and resolves whether what comes back within the time satisfies `accept`. */
export function talk(
  port: number,
  options: { greeting?: string; accept: (answer: string) => boolean; timeoutMs?: number },
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let answer = '';
    const finish = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setEncoding('utf8');
    socket.setTimeout(options.timeoutMs ?? 1_000, () => finish(false));
    socket.on('error', () => finish(false));
    socket.on('close', () => resolve(false));
    socket.on('connect', () => options.greeting && socket.write(options.greeting));
    socket.on('data', (chunk: string) => {
      answer += chunk;
      if (options.accept(answer)) finish(true);
    });
  });
}
