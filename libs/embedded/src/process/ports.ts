import { connect, createServer } from 'node:net';

/** Below those a system takes for outgoing connections (32,768 and up on Linux, 49,152 elsewhere). */
const OURS = { from: 20_000, to: 32_000 };
/** Each process takes from a part of its own first: of those that start at the same time none looks where another does. */
const PART = 40;
const ATTEMPTS = 20;

/** Given out by this process; whoever asked may not listen there yet. */
const given = new Set<number>();

/**
 * A port nobody listens on at 127.0.0.1; the preferred one where it is free. Between this look and the listener's own,
 * seconds may pass: a port the system chooses itself would be taken meanwhile by any connection anybody makes, and a
 * port out of all of ours by another process that looks at the same moment.
 */
export async function freePort(preferred?: number): Promise<number> {
  const candidates = [...ownPart(), ...Array.from({ length: ATTEMPTS }, anyOfOurs)];
  for (const port of preferred ? [preferred, ...candidates] : candidates) {
    if (given.has(port) && port !== preferred) continue;
    given.add(port);
    const found = await listenOnce(port).catch(() => undefined);
    if (found) return found;
  }
  return listenOnce(0);
}

function ownPart(): number[] {
  const parts = (OURS.to - OURS.from) / PART;
  const first = OURS.from + (process.pid % parts) * PART;
  // Not always in the same order: what connects to a port of before shall not meet another server there.
  const begin = Math.floor(Math.random() * PART);
  return Array.from({ length: PART }, (_, at) => first + ((begin + at) % PART));
}

function anyOfOurs(): number {
  return OURS.from + Math.floor(Math.random() * (OURS.to - OURS.from));
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
