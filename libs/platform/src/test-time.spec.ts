import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory, waitFor } from '@keyfleet/testing';
import { testTimeFromEnvironment } from './test-time.js';

describe('test time', () => {
  it('is not there unless a proof asks for it, and never in production', () => {
    expect(testTimeFromEnvironment({})).toBeUndefined();
    const asked = { KEYFLEET_TEST_TIME_FACTOR: '8' };
    expect(testTimeFromEnvironment(asked)?.factor).toBe(8);
    expect(() => testTimeFromEnvironment({ ...asked, NODE_ENV: 'production' })).toThrow(/for proofs only/);
    for (const factor of ['0.5', 'fast', '-1', 'Infinity'])
      expect(() => testTimeFromEnvironment({ KEYFLEET_TEST_TIME_FACTOR: factor })).toThrow(/from 1 on/);
    expect(() => testTimeFromEnvironment({ ...asked, KEYFLEET_TEST_TIME_BEGAN_AT: 'now' })).toThrow(
      /milliseconds/,
    );
  });

  it('is the same for all who were given one beginning, and runs so many times faster from there', () => {
    const beganAt = Date.now() - 10_000;
    const env = { KEYFLEET_TEST_TIME_FACTOR: '60', KEYFLEET_TEST_TIME_BEGAN_AT: String(beganAt) };
    const [one, other] = [testTimeFromEnvironment(env), testTimeFromEnvironment(env)];
    const now = one?.clock.now() ?? 0;
    expect(now).toBeGreaterThanOrEqual(beganAt + 600_000);
    expect(now).toBeLessThan(beganAt + 900_000);
    expect(Math.abs((other?.clock.now() ?? 0) - now)).toBeLessThan(60_000);
  });

  it('F5: steps the wall clock by what the file says, while it says so, and the monotonic clock never', async () => {
    const stepFile = join(temporaryDirectory('test-time'), 'step');
    const env = { KEYFLEET_TEST_TIME_FACTOR: '1', KEYFLEET_TEST_TIME_STEP_FILE: stepFile };
    const clock = testTimeFromEnvironment(env)?.clock;
    if (!clock) throw new Error('no clock');
    const ahead = (): number => Math.round((clock.now() - Date.now()) / 60_000);
    const monotonic = clock.monotonic();
    expect(ahead()).toBe(0);
    writeFileSync(stepFile, '3600000\n');
    await waitFor(() => ahead() === 60);
    writeFileSync(stepFile, '-3600000\n');
    await waitFor(() => ahead() === -60);
    rmSync(stepFile);
    await waitFor(() => ahead() === 0);
    expect(clock.monotonic() - monotonic).toBeLessThan(60_000);
  });
});
