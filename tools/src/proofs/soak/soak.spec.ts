import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { temporaryDirectory, waitFor } from '@keyfleet/testing';
import { seeded } from '../random.js';
import { constancyOf, type Point, slopeOf } from './judge.js';
import { readSamples } from './probe.js';
import { isSteady, judgeProcess } from './proof.js';
import type { ProcessReport } from './table.js';

const MINUTE_MS = 60_000;
const MIB = 1024 * 1024;

/** Half an hour, a sample every 10 s: 120 MiB that breathe by 4 MiB, jump now and then, and leak so much an hour. */
function series(percentPerHour: number, seed: number): Point[] {
  const random = seeded(seed);
  return Array.from({ length: 180 }, (_, n) => {
    const at = n * 10_000;
    const leaked = (120 * MIB * percentPerHour * at) / (100 * 60 * MINUTE_MS);
    const breathing = 4 * MIB * random() ** 2;
    return { at, value: 120 * MIB + leaked + breathing + (random() < 0.03 ? 40 * MIB : 0) };
  });
}

/** A real process that leaks this, looked at for three seconds. */
async function leaky(leak: string): Promise<ProcessReport> {
  const samples = temporaryDirectory('samples');
  const child = fork(join(import.meta.dirname, 'leaky-process.ts'), [], {
    execArgv: ['--expose-gc', '--import', resolve('libs/testing/jest/register.mjs')],
    env: { ...process.env, KEYFLEET_LEAK: leak, KEYFLEET_SAMPLES: samples },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const pid = child.pid ?? 0;
  const enough = (): boolean =>
    existsSync(join(samples, `${pid}.jsonl`)) && readSamples(samples, pid).length >= 50;
  await waitFor(enough, { ceilingMs: 60_000 });
  child.kill('SIGKILL');
  // Three seconds tell 100 % an hour from nothing as little as half an hour tells 0.1 %.
  return judgeProcess(leak, readSamples(samples, pid).slice(15), 5_000);
}

describe('the judge of a soak', () => {
  it.each([1, 2, 3, 4, 5])('F29: calls flat what breathes and jumps and does not grow (seed %d)', (seed) => {
    const slope = slopeOf(series(0, seed), 1);
    expect(slope.verdict).toBe('flat');
    expect(Math.abs(slope.perHour)).toBeLessThan(0.5);
  });

  it.each([3, 5, 20])('F29: catches a leak of %d %% an hour in half an hour, under all that', (percent) => {
    for (const seed of [1, 2, 3]) {
      const slope = slopeOf(series(percent, seed), 1);
      expect(slope.verdict).toBe('grows');
      expect(Math.abs(slope.perHour - percent)).toBeLessThan(0.5 + percent / 10);
    }
  });

  it('F29: tells what fills up and levels off from what leaks beside it', () => {
    const filling = (percentPerHour: number, seed: number): Point[] =>
      series(percentPerHour, seed).map(({ at, value }) => ({
        ...{ at, value: value + 12 * MIB * (1 - Math.exp(-at / (3 * MINUTE_MS))) },
      }));
    for (const seed of [1, 2, 3, 4, 5]) {
      expect(slopeOf(filling(0, seed), 1).verdict).not.toBe('grows');
      expect(slopeOf(filling(3, seed), 1).verdict).toBe('grows');
    }
  });

  it('F29: says so where the noise hides what it is asked for', () => {
    const random = seeded(9);
    const noise = Array.from({ length: 180 }, (_, n) => ({
      at: n * 10_000,
      value: (100 + 30 * random() ** 3) * MIB,
    }));
    expect(slopeOf(noise.slice(0, 30), 1).verdict).toBe('not resolved');
  });

  it('F29: lets counts come and go, and catches one that only grows', () => {
    const points = (value: (n: number) => number): Point[] =>
      Array.from({ length: 100 }, (_, n) => ({ at: n, value: value(n) }));
    expect(constancyOf(points((n) => 20 + (n % 7))).constant).toBe(true);
    expect(constancyOf(points((n) => 20 + (n % 7) + Math.floor(n / 10))).constant).toBe(false);
  });

  it('F29: finds nothing in a process that leaks nothing, and each leak in one that does', async () => {
    const [none, memory, descriptors, timers] = await Promise.all(
      ['nothing', 'memory', 'descriptors', 'timers'].map(leaky),
    );
    expect(none && isSteady(none)).toBe(true);
    expect(memory?.live.verdict).toBe('grows');
    expect(descriptors).toMatchObject({ descriptors: { constant: false }, sockets: { constant: false } });
    expect(timers).toMatchObject({ timers: { constant: false } });
  }, 90_000);
});
