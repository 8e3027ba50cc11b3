import { connect, createServer } from 'node:net';
import { startProbe } from './probe.js';

/** A process that leaks what it is told to, for the spec of the judge: memory, descriptors, timers, or nothing. */
const leak = process.env.KEYFLEET_LEAK ?? '';
const kept: unknown[] = [];
const server = createServer(() => undefined);

startProbe(String(process.env.KEYFLEET_SAMPLES), 50);
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as { port: number };
  setInterval(() => {
    const passing = Buffer.alloc(200_000, 1);
    if (leak === 'memory') kept.push(passing.toString('latin1').repeat(2));
    if (leak === 'descriptors') kept.push(connect(port, '127.0.0.1'));
    if (leak === 'timers') kept.push(setInterval(() => undefined, 60_000));
  }, 20);
});
process.on('disconnect', () => process.exit());
