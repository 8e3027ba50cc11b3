import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentStatus } from '@keyfleet/contracts/http';
import { type Clock, isKeyfleetError } from '@keyfleet/kernel';
import { type Logger, type Metrics, type Operations, startOperations } from '@keyfleet/platform';
import { SELF } from './access/caller.js';
import { ensureRootKey } from './access/root-key.js';
import { AgentFile } from './agent-file.js';
import { startRenewal } from './api/renewal.js';
import { startApi } from './api/server.js';
import { LocalTls } from './api/tls.js';
import type { AgentConfig } from './config.js';
import type { Link, LinkHost } from './link/host.js';
import { IdentityStore } from './link/identity/store.js';
import { startLink } from './link/index.js';
import { Maintenance } from './maintenance.js';
import { uploadMetrics, watchLink, watchVault } from './metrics.js';
import { type AgentVault, createVault } from './vault/create.js';
import { fileKeyProvider } from './vault/seal.js';

export interface RunningAgent {
  readonly url: string;
  readonly caFile: string;
  readonly operations: Operations;
  close(): Promise<void>;
}

export interface AgentOptions {
  readonly config: AgentConfig;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Starts a whole agent; resolves once it serves. The link connects in the background and is needed by nothing here. */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const { config, clock, logger, metrics } = options;
  const { directory, name, host } = config.agent;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const agent = createVault({
    file: join(directory, 'vault.db'),
    clock,
    hashPaths: config.agent.hashSecretNames,
    logger,
    onFailure: (err) =>
      logger.error({ err }, 'Re-wrapping values under the new key stopped; it will be tried again'),
  });
  await openVault(agent, directory, logger);
  // Before anything is served: nobody gets by the policy because the agent has just started.
  await agent.parts.policies.open(new IdentityStore(directory).current);
  await ensureRootKey(agent.parts.storage, directory, clock.now());
  const tls = new LocalTls({
    directory: join(directory, 'tls'),
    name,
    names: [
      ...new Set(['localhost', '127.0.0.1', '::1', name, ...concrete(host), ...config.agent.serverNames]),
    ],
    clock,
    logger,
  });
  const link = await startLink(linkHost(options, agent));
  const status = () => statusOf(options, agent, link);
  const { port, maxConnections } = config.agent;
  const certificate = await tls.certificate();
  const api = await startApi({
    ...{ agent, status, clock, logger, metrics },
    ...{ host, port, maxConnections, tls: certificate },
  });
  const stopRenewal = startRenewal({ tls, api, logger, served: certificate });
  watchVault(metrics, agent);
  watchLink(metrics, link);
  const operations = await startOperations({
    ...config.operations,
    registry: metrics.registry,
    checks: checks(agent),
  });
  const about = { url: api.url, caFile: tls.caFile, operationsUrl: operations.url };
  const agentId = () => agent.identity()?.agentId ?? null;
  const agentFile = new AgentFile({ directory, agentId, about, logger });
  const maintenance = new Maintenance({ agent, clock, logger, audit: config.agent.audit, agentFile });
  maintenance.start();
  agent.journal.onAppend(() => agentFile.write());
  agentFile.write();
  return {
    url: api.url,
    caFile: tls.caFile,
    operations,
    close: async () => {
      operations.setDraining();
      agentFile.close();
      stopRenewal();
      await api.close();
      await maintenance.close();
      await writeHeld(agent, logger);
      await link.close();
      await agent.close();
      await operations.close();
    },
  };
}

/** Addresses that stand for all interfaces are no names for a certificate. */
function concrete(host: string): string[] {
  return host === '0.0.0.0' || host === '::' ? [] : [host];
}

/** A vault whose keys cannot be opened is sealed, not broken: it says so, and everything but secrets goes on. */
async function openVault(agent: AgentVault, directory: string, logger: Logger): Promise<void> {
  try {
    const { unreadable } = await agent.unseal(({ storage }) =>
      fileKeyProvider(storage, join(directory, 'master.key')),
    );
    if (unreadable > 0) logger.error({ unreadable }, 'Some stored values fail their integrity check');
  } catch (error) {
    if (!isKeyfleetError(error)) throw error;
    logger.error(
      { code: error.code, reason: error.message },
      'The vault is sealed: its keys cannot be opened',
    );
  }
  try {
    await agent.tellSeal();
  } catch (error) {
    // What it serves does not wait for a disk that is full; the next start tells it.
    if (!isKeyfleetError(error, 'vault.degraded')) throw error;
    logger.warn({ code: error.code }, 'Whether the vault is sealed could not be put on record');
  }
}

/** Whoever makes room on a full disk and restarts at once must find the lines of what was served meanwhile. */
async function writeHeld({ parts: { trail } }: AgentVault, logger: Logger): Promise<void> {
  try {
    await trail.recover();
  } catch (err) {
    const lines = trail.heldLines;
    if (lines > 0)
      logger.error({ err, lines }, 'The disk still refuses: audit lines of what was served are lost');
  }
}

function linkHost({ config, version, clock, logger, metrics }: AgentOptions, agent: AgentVault): LinkHost {
  const { health, policies } = agent.parts;
  const { directory, name, labels, controlPlaneUrl, enrolmentTokenFile } = config.agent;
  const secrets = countSecrets(agent);
  return {
    journal: agent.journal,
    directory,
    config: {
      name,
      labels,
      agentVersion: version,
      bootId: randomUUID(),
      controlPlaneUrl,
      enrolmentTokenFile,
    },
    clock,
    logger,
    commands: {
      rotate: async (path) =>
        void (await agent.vault.rotate(SELF, { path, length: 32, alphabet: 'alphanumeric' })),
      lock: () => agent.lock(),
    },
    onBatch: uploadMetrics(metrics),
    health: () => ({
      storage: health.storage,
      seal: health.seal,
      secrets: secrets(),
      latency: health.latency,
    }),
    onHealthChange: (listener) => {
      const stops = [health.onChange(listener), policies.onChange(listener)];
      return () => {
        for (const stop of stops) stop();
      };
    },
    policy: () => policies.inForce(),
    policies,
  };
}

/** As of the last entry: a beat cannot wait for a query. */
function countSecrets({ parts, journal }: AgentVault): () => number {
  let secrets = 0;
  const count = () =>
    void parts.storage.countSecrets().then(
      (found) => {
        secrets = found;
      },
      // A disk that refuses to be read is told of by its health.
      () => undefined,
    );
  journal.onAppend(count);
  count();
  return () => secrets;
}

async function statusOf(
  { config, version }: AgentOptions,
  { parts, journal, identity: who }: AgentVault,
  link: Link,
): Promise<AgentStatus> {
  const { epoch, seq } = journal.head();
  const identity = who();
  return {
    name: config.agent.name,
    version,
    agentId: identity?.agentId ?? null,
    orgId: identity?.orgId ?? null,
    link: link.status(),
    journal: { epoch, seq, acknowledged: journal.acknowledged().seq },
    storage: parts.health.storage,
    seal: parts.health.seal,
    policy: parts.policies.status(),
    secrets: await parts.storage.countSecrets(),
  };
}

function checks({ parts }: AgentVault) {
  return {
    storage: () => (parts.health.storage === 'ok' ? undefined : 'the disk refuses writes'),
    seal: () => (parts.health.seal === 'unsealed' ? undefined : 'the vault is sealed'),
  };
}
