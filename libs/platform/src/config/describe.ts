import type { z } from 'zod';
import { withoutCredentials } from '../logging/redact.js';
import type { LoadedConfig } from './load.js';
import { type Setting, settingsOf, typeOf, unwrap } from './schema.js';
import { describeOrigin } from './values.js';

/** The effective configuration, one `path = value  # origin` per line, fit to be shown: text that is not marked public is hidden. */
export function describeConfig<S extends z.ZodType>(schema: S, loaded: LoadedConfig<z.infer<S>>): string {
  return settingsOf(schema)
    .map((setting) => {
      const value = showable(setting, valueAt(loaded.value, setting.path));
      const origin = loaded.origins[setting.path] ?? { kind: 'default' };
      return `${setting.path} = ${value}  # ${describeOrigin(origin)}`;
    })
    .join('\n');
}

const PLAIN_TYPES = new Set(['number', 'int', 'boolean', 'enum', 'literal', 'bigint']);

function showable(setting: Setting, value: unknown): string {
  if (value === undefined) return '(unset)';
  const shown = setting.classification === 'public' || setting.classification === 'sensitive';
  if (shown || (setting.classification === undefined && PLAIN_TYPES.has(typeOf(unwrap(setting.schema)))))
    return JSON.stringify(value);
  // Of an address, all but its credentials helps whoever looks for a fault.
  if (
    setting.classification === undefined &&
    typeof value === 'string' &&
    /^[a-z][a-z0-9+.-]*:\/\//i.test(value)
  )
    return JSON.stringify(withoutCredentials(value).replace(/\?.*$/, ''));
  return '[redacted]';
}

function valueAt(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);
}
