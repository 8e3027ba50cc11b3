import { join } from 'node:path';
import { type ProofResult, type ProofRun, runProof } from '../run-proof.js';
import { type Obtained, obtainNats, obtainPostgres } from './obtain.js';
import { NATS_SUITES, POSTGRES_SUITES, runSuites } from './suites.js';

/** The lines production takes; their first releases without known holes. */
const NATS = ['2.12.12', '2.14.3'];
const POSTGRES = ['15.18.0-beta.17', '16.14.0-beta.17', '18.4.0-beta.17'];

interface Row {
  readonly server: string;
  readonly version: string;
  readonly tests: number;
  readonly passed: number;
}

/** The specs of broker, event store, projections and tenancy, against servers other than the embedded ones. */
async function prove(run: ProofRun): Promise<ProofResult> {
  const vendor = join('.keyfleet', 'vendor');
  const rows: Row[] = [];
  const failures: string[] = [];
  const skipped: string[] = [];
  const judge = async (server: string, wanted: string, found: Obtained | undefined): Promise<void> => {
    if (!found) return void skipped.push(`${server} ${wanted}`);
    const label = `${server} ${found.version}`;
    if (!wanted.startsWith(found.version)) failures.push(`${label} is not ${wanted}`);
    run.say(`${label}: running`);
    const patterns = server === 'NATS' ? NATS_SUITES : POSTGRES_SUITES;
    const result = await runSuites({ patterns, env: found.env, directory: run.directory, label });
    rows.push({ server, version: found.version, tests: result.tests, passed: result.passed });
    for (const failure of result.failures) failures.push(`${label}: ${failure}`);
    run.say(`${label}: ${result.passed} of ${result.tests} tests passed`);
  };
  for (const version of NATS) await judge('NATS', version, await obtainNats(version, vendor, run.say));
  for (const version of POSTGRES)
    await judge('PostgreSQL', version, await obtainPostgres(version, vendor, run.say));
  for (const failure of failures) run.say(`FAILED: ${failure}`);
  return { held: failures.length === 0 && rows.length > 0, servers: rows, skipped, failures };
}

await runProof('servers', prove);
