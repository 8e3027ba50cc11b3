import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { createRoles, urlAs } from './database.js';
import { scramVerifier } from './scram.js';
import { startPostgres } from './server.js';

it('computes what PostgreSQL itself keeps of a password', () => {
  // Written by a PostgreSQL 15 for the password "pencil" with this salt.
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
  expect(scramVerifier('pencil', salt)).toBe(
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  );
});

it('a server that logs every statement never gets to see a role’s password, and the role signs in with it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'keyfleet-scram-'));
  const settings = { fsync: 'off', log_statement: 'all', log_min_duration_statement: '0' };
  const server = await startPostgres({ directory, settings });
  try {
    const passwords = { kf_worker: 'correct horse battery', kf_reader: 'straße' };
    await createRoles(server, passwords);
    for (const [role, password] of Object.entries(passwords)) {
      const sql = postgres(urlAs(server.url, role, password), { max: 1 });
      expect(await sql`select current_user as role`).toEqual([{ role }]);
      await sql.end();
    }
    const log = readFileSync(join(directory, 'postgres.log'), 'utf8');
    expect(log).toContain('alter role kf_worker');
    for (const password of Object.values(passwords)) expect(log.includes(password)).toBe(false);
  } finally {
    await server.stop('immediate');
    rmSync(directory, { recursive: true, force: true });
  }
}, 60_000);
