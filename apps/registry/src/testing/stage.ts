import { Access } from '@keyfleet/command-handling';
import { PERMISSIONS, type Permission } from '@keyfleet/contracts';
import type { CommandMeta } from '@keyfleet/contracts/messages';
import { createCertificateRequest } from '@keyfleet/crypto';
import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { newId } from '@keyfleet/platform';
import { TestClock } from '@keyfleet/testing';
import { createUser } from '@nats-io/nkeys';
import { Enrolment } from '../enrolment/enrolment.js';
import { Readoption } from '../enrolment/readoption.js';
import { Renewal } from '../enrolment/renewal.js';
import { TokenCommands } from '../enrolment/token-commands.js';
import { createTestAuthority } from './test-authority.js';

/** Everything around the command handlers but the network: an event store in memory, a real CA, time that stands still. */
export async function createStage() {
  const clock = new TestClock();
  const store = createInMemoryEventStore({ clock });
  const authority = await createTestAuthority(clock);
  const members = new Map<string, readonly Permission[]>();
  const suspended = new Set<string>();
  const expiries = new Map<string, number>();
  const look = async (actor: string, orgId: string) => members.get(`${actor} ${orgId}`) ?? null;
  const access = new Access({ permissionsOf: look, permissionsOfToken: look });
  const hashes = new Map<string, string>();
  const secrets = {
    remember: async (hash: string, tokenId: string) => void hashes.set(hash, tokenId),
    tokenOf: async (hash: string) => hashes.get(hash) ?? null,
  };
  const used = new Set<string>();
  const nonces = {
    claim: async (agentId: string, nonce: string) => {
      const key = `${agentId} ${nonce}`;
      return !used.has(key) && Boolean(used.add(key));
    },
  };
  const parts = {
    clock,
    store,
    authority,
    access,
    secrets,
    nonces,
    isActive: async (orgId: string) => !suspended.has(orgId),
    expiryOf: async (actor: string) => expiries.get(actor) ?? null,
    reconnectWindowMs: () => 5_000,
    installationId: newId('ins'),
  };
  return {
    ...parts,
    parts,
    suspended,
    /** Takes everything from somebody. */
    cutOff: ({ userId, orgId }: { readonly userId: string; readonly orgId: string }) =>
      void members.delete(`${userId} ${orgId}`),
    /** When an actor's rights run out, in milliseconds since the epoch. */
    expiries,
    tokens: new TokenCommands(parts),
    enrolment: new Enrolment(parts),
    renewal: new Renewal({ ...parts, readoption: new Readoption(parts) }),
    /** A new organisation and somebody who may do this there; everything by default. */
    member: (
      permissions: readonly Permission[] = PERMISSIONS,
      orgId: string = newId('org'),
      userId: string = newId('usr'),
    ) => {
      members.set(`${userId} ${orgId}`, permissions);
      return {
        orgId,
        userId,
        meta: (key?: Partial<CommandMeta>) => metaOf({ actor: userId, orgId, ...key }),
      };
    },
  };
}

export type Stage = Awaited<ReturnType<typeof createStage>>;

export function metaOf(given: Partial<CommandMeta> = {}): CommandMeta {
  return {
    commandId: newId('cmd'),
    actor: 'svc_gateway',
    orgId: null,
    correlationId: 'request',
    ...given,
  };
}

/** The key of an agent to be, and what it sends. */
export async function newAgent() {
  const keys = createUser();
  const { csr } = await createCertificateRequest();
  return { keys, nkey: keys.getPublicKey(), csr };
}

/** The body of POST /enrol. */
export function enrolRequest(agent: { readonly nkey: string; readonly csr: string }, token: string) {
  return {
    token,
    name: 'site-1.berlin',
    labels: { site: 'berlin' },
    csr: agent.csr,
    nkey: agent.nkey,
    agentVersion: '1.0.0',
    network: '127.0.0.1',
  };
}
