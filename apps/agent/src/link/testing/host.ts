import { randomUUID } from 'node:crypto';
import type { Clock } from '@keyfleet/kernel';
import { systemClock } from '@keyfleet/platform';
import { temporaryDirectory } from '@keyfleet/testing';
import { MemoryJournal } from '../../simulator/memory-journal.js';
import type { LinkConfig, LinkHost, LinkLogger, VaultHealth } from '../host.js';

export interface Said {
  readonly level: keyof LinkLogger;
  readonly fields: object;
  readonly message: string;
}

export interface TestHost extends LinkHost {
  readonly journal: MemoryJournal;
  readonly said: Said[];
  readonly rotated: string[];
  locked: number;
  vault: VaultHealth;
  /** Tells whoever listens that health changed. */
  changeHealth(health: Partial<VaultHealth>): void;
}

/** An agent around a link, without a vault. */
export function testHost(config: Partial<LinkConfig> = {}, clock: Clock = systemClock): TestHost {
  const said: Said[] = [];
  const listeners = new Set<() => void>();
  const say = (level: keyof LinkLogger) => (fields: object, message: string) =>
    said.push({ level, fields, message });
  const logger = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  const host: TestHost = {
    journal: new MemoryJournal(),
    directory: temporaryDirectory('agent'),
    config: {
      ...{ name: 'site-1', labels: { env: 'test' }, agentVersion: '1.2.3', bootId: randomUUID() },
      ...{ controlPlaneUrl: undefined, enrolmentTokenFile: undefined },
      ...config,
    },
    clock,
    logger,
    said,
    rotated: [],
    locked: 0,
    vault: { storage: 'ok', seal: 'unsealed', secrets: 3, latency: Array.from({ length: 10 }, () => 0) },
    commands: {
      rotate: async (path) => void host.rotated.push(path),
      lock: async () => {
        host.locked += 1;
      },
    },
    health: () => host.vault,
    changeHealth: (health) => {
      host.vault = { ...host.vault, ...health };
      for (const listener of listeners) listener();
    },
    onHealthChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    policy: () => null,
  };
  return host;
}
