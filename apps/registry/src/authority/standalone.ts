import { readFileSync } from 'node:fs';
import { isKeyfleetError } from '@keyfleet/kernel';
import { systemClock } from '@keyfleet/platform';
import { createSql } from '@keyfleet/postgres';
import type { CredentialRequest } from '../enrolment/agent-authority.js';
import { type OpenAuthority, openAuthority } from './open.js';

/** What a parent may ask of this process over its IPC channel; each request is answered under its number. */
export type AuthorityRequest =
  | { readonly n: number; readonly call: 'ready' }
  | { readonly n: number; readonly call: 'issue'; readonly request: CredentialRequest }
  | {
      readonly n: number;
      readonly call: 'revoke';
      readonly agentId: string;
      readonly nkey: string;
      readonly jwtExpiresAt: string;
    };

export type AuthorityAnswer =
  | { readonly n: number; readonly ok: true; readonly value?: unknown }
  | { readonly n: number; readonly ok: false; readonly code: string };

/**
 * The authority of a registry as a process by itself, so that a proof can run two, kill them and start them again.
 * It is told where things are by the registry's own settings.
 */
async function main(): Promise<void> {
  const setting = (name: string): string => process.env[`KEYFLEET_${name}`] ?? '';
  const url = readFileSync(setting('DATABASE__WORKER_URL_FILE'), 'utf8').trim();
  let opened: Promise<OpenAuthority> | undefined;
  const open = (): Promise<OpenAuthority> => {
    opened ??= openAuthority({
      directory: setting('AUTHORITY__DIRECTORY'),
      sql: createSql({ url, applicationName: 'authority', max: 4 }),
      servers: setting('NATS__URL').split(','),
      clock: systemClock,
      production: false,
    });
    return opened;
  };
  process.on('message', (request: AuthorityRequest) => {
    const work = async (): Promise<unknown> => {
      const { authority, isReady } = await open();
      if (request.call === 'ready') return isReady();
      if (request.call === 'issue') return authority.issueAgentIdentity(request.request);
      return authority.revoke(request.agentId, request.nkey, request.jwtExpiresAt);
    };
    work().then(
      (value) => reply({ n: request.n, ok: true, value }),
      (error) =>
        reply({ n: request.n, ok: false, code: isKeyfleetError(error) ? error.code : String(error?.name) }),
    );
  });
  process.on('disconnect', () => process.exit(0));
  reply({ n: 0, ok: true });
}

function reply(answer: AuthorityAnswer): void {
  process.send?.(answer);
}

void main();
