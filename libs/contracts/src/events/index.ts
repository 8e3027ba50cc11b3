import type { z } from 'zod';
import type { EventDefinition } from './define.js';
import { IDENTITY_EVENTS } from './identity.js';
import { NOTIFY_EVENTS } from './notify.js';
import { POLICY_EVENTS } from './policy.js';
import { REGISTRY_EVENTS } from './registry.js';
import { VAULT_EVENTS } from './vault.js';

export * from './define.js';
export * from './identity.js';
export * from './notify.js';
export * from './policy.js';
export * from './registry.js';
export * from './vault.js';

/** Every event of every context, by context. */
export const EVENT_CATALOGUE = {
  identity: IDENTITY_EVENTS,
  registry: REGISTRY_EVENTS,
  vault: VAULT_EVENTS,
  policy: POLICY_EVENTS,
  notify: NOTIFY_EVENTS,
} as const satisfies Record<string, readonly EventDefinition<string, z.ZodType>[]>;
