import { execFileSync } from 'node:child_process';
import { temporaryDirectory } from '@keyfleet/testing';
import { findPostgresClient } from './postgres-client.js';

it.each([
  { usePath: true, where: 'installed or unpacked' },
  { usePath: false, where: 'unpacked from the package, whatever is installed' },
])(
  'finds pg_dump and pg_restore 15 or later, $where',
  async ({ usePath }) => {
    const client = await findPostgresClient({ usePath, vendorDirectory: temporaryDirectory('vendor') });
    for (const program of [client.pgDump, client.pgRestore]) {
      const said = execFileSync(program, ['--version'], {
        encoding: 'utf8',
        env: { ...process.env, ...client.env },
      });
      expect(Number(/\(PostgreSQL\) (\d+)/.exec(said)?.[1])).toBeGreaterThanOrEqual(15);
    }
  },
  120_000,
);
