import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What stands on a broker: credentials and walls, guarded responders, the authority, enrolment, the link. */
export const NATS_SUITES: readonly string[] = [
  'libs/messaging/',
  'libs/testing/src/servers/brokers',
  'apps/registry/src/authority/',
  'apps/registry/src/enrolment/',
  'apps/registry/src/ingest/start',
  'apps/registry/src/liveness/watch/nodes',
  'apps/agent/src/link/',
];

/** What stands on PostgreSQL: the event store's contract, projections, tenancy, the read models. */
export const POSTGRES_SUITES: readonly string[] = [
  'libs/embedded/src/postgres/',
  'libs/event-store/',
  'libs/read-store/',
  'libs/[a-z]+/src/read-model/',
  'apps/registry/src/database/',
  'apps/registry/src/ingest/',
];

export interface SuiteResult {
  readonly tests: number;
  readonly passed: number;
  readonly failures: readonly string[];
}

interface JestReport {
  readonly numTotalTests: number;
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

export interface SuiteOptions {
  readonly patterns: readonly string[];
  /** Which servers the tests are to use. */
  readonly env: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly label: string;
}

/** Runs specs in a Jest of their own with these servers. No test at all is a failure too. */
export async function runSuites({ patterns, env, directory, label }: SuiteOptions): Promise<SuiteResult> {
  const report = join(directory, `${label.replaceAll(/\W+/g, '-')}.json`);
  const args = [
    ...[
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
    ],
    ...['--forceExit', '--silent', '--json', `--outputFile=${report}`, ...patterns],
  ];
  await new Promise<void>((done, fail) => {
    const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: 'ignore' });
    child.on('error', fail);
    child.on('close', () => done());
  });
  return summarise(JSON.parse(readFileSync(report, 'utf8')) as JestReport);
}

export function summarise(report: JestReport): SuiteResult {
  const failures = report.testResults.flatMap(({ name, message, assertionResults }) => {
    const failed = assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName }) => fullName);
    // A file that cannot even be read has a message and no assertions.
    return assertionResults.length === 0 && message ? [`${name} did not run`] : failed;
  });
  const { numTotalTests: tests, numPassedTests: passed } = report;
  return { tests, passed, failures: tests === 0 ? ['no test was found'] : failures };
}
