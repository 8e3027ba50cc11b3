import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findServer } from '@keyfleet/embedded';
import { obtainNats } from './obtain.js';
import { summarise } from './suites.js';

it('a server that is chosen by variable is the one tests get, and a choice that is not there is an error', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyfleet-servers-'));
  const file = join(folder, 'nats-server');
  const before = process.env.KEYFLEET_TEST_NATS_SERVER;
  try {
    process.env.KEYFLEET_TEST_NATS_SERVER = file;
    await expect(findServer('nats-server')).rejects.toThrow(/ENOENT/);
    writeFileSync(file, '#!/bin/sh\necho "nats-server: v2.99.1"\n', { mode: 0o755 });
    expect(await findServer('nats-server')).toEqual({ path: file, env: {} });
  } finally {
    if (before === undefined) delete process.env.KEYFLEET_TEST_NATS_SERVER;
    else process.env.KEYFLEET_TEST_NATS_SERVER = before;
    rmSync(folder, { recursive: true, force: true });
  }
});

it('a server counts by the version it states itself', async () => {
  const vendor = mkdtempSync(join(tmpdir(), 'keyfleet-servers-'));
  try {
    mkdirSync(join(vendor, 'nats-server-2.12.12'));
    const file = join(vendor, 'nats-server-2.12.12', 'nats-server');
    writeFileSync(file, '#!/bin/sh\necho "nats-server: v2.9.10"\n', { mode: 0o755 });
    const obtained = await obtainNats('2.12.12', vendor, () => {});
    expect(obtained).toEqual({ version: '2.9.10', env: { KEYFLEET_TEST_NATS_SERVER: file } });
  } finally {
    rmSync(vendor, { recursive: true, force: true });
  }
});

it('a failed test, a file that does not run and no test at all are failures', () => {
  const file = (status: string) => ({
    name: 'a.spec.ts',
    message: '',
    assertionResults: [{ status, fullName: 'it works' }],
  });
  const report = (testResults: readonly ReturnType<typeof file>[], tests: number, passed: number) =>
    summarise({ numTotalTests: tests, numPassedTests: passed, testResults });
  expect(report([file('passed')], 1, 1)).toEqual({ tests: 1, passed: 1, failures: [] });
  expect(report([file('failed')], 1, 0).failures).toEqual(['it works']);
  const broken = { name: 'b.spec.ts', message: 'SyntaxError', assertionResults: [] };
  expect(report([file('passed'), broken], 1, 1).failures).toEqual(['b.spec.ts did not run']);
  expect(report([], 0, 0).failures).toEqual(['no test was found']);
});
