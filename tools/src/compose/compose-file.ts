import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** What we write in a service of `docker-compose.yml`; aliases and merges are resolved. */
export interface ComposeService {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly user?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly networks?: readonly string[];
  readonly network_mode?: string;
  readonly profiles?: readonly string[];
  readonly restart?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly privileged?: boolean;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
}

/** `${NAME:-default}` becomes the environment's value or the default, and `$$` a dollar, as compose has it. */
export function readCompose(
  file: string,
  env: Readonly<Record<string, string | undefined>> = {},
): ComposeFile {
  const text = readFileSync(file, 'utf8')
    .replaceAll(
      /(?<!\$)\$\{(\w+)(?::[-?]([^}]*))?\}/g,
      (_, name: string, fallback = '') => env[name] || fallback,
    )
    .replaceAll('$$', '$');
  return parse(text, { merge: true }) as ComposeFile;
}

/** Ends by itself; the others stay. */
export function isOnce(service: ComposeService): boolean {
  return service.restart === 'no';
}

export interface Mount {
  readonly volume: string;
  readonly target: string;
  readonly readOnly: boolean;
}

export function mountsOf(service: ComposeService): Mount[] {
  return (service.volumes ?? []).map((text) => {
    const [volume = '', target = '', mode] = text.split(':');
    return { volume, target, readOnly: mode === 'ro' };
  });
}

/** Whose network a service stands in: its own, or that of another. */
export function networkOwner(name: string, service: ComposeService): string {
  return service.network_mode?.startsWith('service:') ? service.network_mode.slice('service:'.length) : name;
}
