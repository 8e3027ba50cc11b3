import { join } from 'node:path';
import { type ManagedProcess, startManaged } from '@keyfleet/embedded';
import { temporaryDirectory, waitFor } from '@keyfleet/testing';
import { Supervised, type SupervisedEvent } from './supervised.js';

const IDLE = 'setInterval(() => {}, 1000)';

function supervise(
  script: string,
  options: { restart: boolean; pauseMs?: number },
): { supervised: Supervised<ManagedProcess>; events: SupervisedEvent[] } {
  const events: SupervisedEvent[] = [];
  const logFile = join(temporaryDirectory('supervised'), 'log');
  const supervised = new Supervised({
    name: 'fake',
    restart: options.restart,
    firstPauseMs: options.pauseMs ?? 5,
    longestPauseMs: 40,
    onEvent: (event) => void events.push(event),
    launch: () =>
      startManaged({
        name: 'fake',
        command: process.execPath,
        args: ['-e', script],
        logFile,
        ready: async () => true,
      }),
  });
  return { supervised, events };
}

const kinds = (events: readonly SupervisedEvent[]): string[] => events.map(({ kind }) => kind);

describe('a supervised process', () => {
  it('comes back under a new pid when it is killed', async () => {
    const { supervised, events } = supervise(IDLE, { restart: true });
    const first = await supervised.start();
    await first.kill();
    await waitFor(() => supervised.current && supervised.current !== first);
    expect(supervised.current?.pid).not.toBe(first.pid);
    expect(events[1]).toEqual({ kind: 'ended', name: 'fake', reason: 'signal SIGKILL', againInMs: 5 });
    await supervised.stop();
  });

  it('is tried again ever more slowly while it dies at once', async () => {
    const { supervised, events } = supervise('process.exit(3)', { restart: true });
    await supervised.start();
    await waitFor(() => events.filter(({ kind }) => kind === 'ended').length >= 6);
    await supervised.stop();
    const pauses = events.flatMap((event) => (event.kind === 'ended' ? [event.againInMs] : []));
    expect(pauses.slice(0, 6)).toEqual([5, 10, 20, 40, 40, 40]);
  });

  it('stays down when it is not to be restarted, and can be started again by name', async () => {
    const { supervised, events } = supervise(IDLE, { restart: false });
    const first = await supervised.start();
    await first.kill();
    await waitFor(() => events.length === 2);
    expect(supervised.current).toBeUndefined();
    const second = await supervised.start();
    expect(kinds(events)).toEqual(['started', 'ended', 'started']);
    expect(second.pid).not.toBe(first.pid);
    await supervised.stop();
  });

  it('stays down once it was told to stop, even between two lives', async () => {
    const { supervised, events } = supervise(IDLE, { restart: true, pauseMs: 30 });
    const first = await supervised.start();
    await first.kill();
    await waitFor(() => events.length === 2);
    await supervised.stop();
    await expect(waitFor(() => supervised.current, { ceilingMs: 120 })).rejects.toThrow();
    expect(kinds(events)).toEqual(['started', 'ended']);
  });

  it('that cannot be started says why, and a later restart that fails is tried again', async () => {
    let broken = true;
    const events: SupervisedEvent[] = [];
    const logFile = join(temporaryDirectory('supervised'), 'log');
    const supervised = new Supervised({
      name: 'fake',
      restart: true,
      firstPauseMs: 2,
      onEvent: (event) => void events.push(event),
      launch: async () => {
        if (broken) throw new Error('the port is taken');
        return startManaged({ name: 'fake', command: process.execPath, args: ['-e', IDLE], logFile });
      },
    });
    await expect(supervised.start()).rejects.toThrow('the port is taken');
    broken = false;
    const first = await supervised.start();
    broken = true;
    await first.kill();
    await waitFor(() => events.filter(({ kind }) => kind === 'failed').length >= 2);
    broken = false;
    await waitFor(() => supervised.current);
    await supervised.stop();
  });
});
