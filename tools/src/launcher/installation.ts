import { existsSync } from 'node:fs';
import { type DatabaseRole, secretFile } from '@keyfleet/embedded';
import type { PostgresBacking, RedisBacking } from './backing.js';
import type { Layout } from './layout.js';

export const SERVICES = ['registry', 'policy', 'analytics', 'notify', 'gateway'] as const;
export type ServiceName = (typeof SERVICES)[number];
export type Settings = Record<string, string>;

export interface Places {
  readonly layout: Layout;
  readonly postgres: Pick<PostgresBacking, 'urlFile'>;
  readonly redis: Pick<RedisBacking, 'urlFile'>;
  readonly gatewayUrl: string;
  readonly natsUrl: string;
}

/** Who signs in to the demo: what one writes and publishes, another has to review. */
export const PEOPLE = {
  admin: { email: 'admin@keyfleet.local', name: 'Administrator' },
  reviewer: { email: 'reviewer@keyfleet.local', name: 'Reviewer' },
} as const;
export type PersonName = keyof typeof PEOPLE;

/** The one place that knows what each process is told. Passwords go by file, never by environment or argument. */
export class Installation {
  readonly #places: Places;

  constructor(places: Places) {
    this.#places = places;
  }

  /** What an app of this name has been built to. */
  exists(app: string, entry = 'main'): boolean {
    return existsSync(this.#places.layout.app(app, entry));
  }

  migrate(): Settings {
    return this.#databases(['owner']);
  }

  /** Makes the authority, the broker's configuration and the services' credentials, as far as they are not there. */
  init(natsPort: number): readonly string[] {
    return ['--directory', this.#places.layout.state, '--nats-port', String(natsPort)];
  }

  /** A person and the organisations they own, where they are not there yet. */
  bootstrap(
    person: PersonName,
    orgs: readonly { slug: string; name: string }[],
  ): { args: readonly string[]; env: Settings } {
    const passwordFile = this.#places.layout.passwordFile(person);
    const { email, name } = PEOPLE[person];
    secretFile(passwordFile);
    return {
      args: [
        ...['--email', email, '--name', name, '--password-file', passwordFile],
        ...orgs.flatMap(({ slug, name }) => ['--org', `${slug}:${name}`]),
        // Whoever runs it can always sign in; what they decide about others stays so.
        ...(person === 'admin' ? [] : ['--once']),
      ],
      env: this.#databases(['store', 'worker', 'identity']),
    };
  }

  service(name: ServiceName, operationsPort: number): Settings {
    return {
      ...this.#nats(name),
      KEYFLEET_OPERATIONS__PORT: String(operationsPort),
      ...this.#own(name),
    };
  }

  #own(name: ServiceName): Settings {
    const { layout, redis, gatewayUrl } = this.#places;
    const redisUrl = { KEYFLEET_REDIS__URL_FILE: redis.urlFile };
    switch (name) {
      case 'registry':
        return {
          ...this.#databases(['store', 'worker', 'identity']),
          KEYFLEET_AUTHORITY__DIRECTORY: layout.in('authority'),
        };
      case 'policy':
      case 'notify':
        return { ...this.#databases(['store', 'worker']), ...redisUrl };
      case 'analytics':
        return this.#databases(['store', 'worker']);
      case 'gateway':
        return {
          ...this.#databases(['auth', 'reader']),
          ...redisUrl,
          KEYFLEET_HTTP__HOST: '127.0.0.1',
          KEYFLEET_HTTP__PORT: new URL(gatewayUrl).port,
          KEYFLEET_CURSOR__SECRET_FILE: this.#secret('cursor-secret'),
        };
    }
  }

  #databases(roles: readonly ('owner' | 'store' | 'worker' | 'identity' | 'auth' | 'reader')[]): Settings {
    const { postgres } = this.#places;
    return Object.fromEntries(
      roles.map((role) => [
        `KEYFLEET_DATABASE__${role.toUpperCase()}_URL_FILE`,
        postgres.urlFile(`kf_${role}` satisfies DatabaseRole),
      ]),
    );
  }

  #nats(service: ServiceName): Settings {
    const { layout, natsUrl } = this.#places;
    const file = (name: string): string => layout.in('services', service, name);
    return {
      KEYFLEET_NATS__URL: natsUrl,
      KEYFLEET_NATS__CREDENTIALS_FILE: file('nats.creds'),
      KEYFLEET_NATS__CA_FILE: file('ca.crt'),
      KEYFLEET_NATS__CERT_FILE: file('tls.crt'),
      KEYFLEET_NATS__KEY_FILE: file('tls.key'),
    };
  }

  #secret(name: string): string {
    const path = this.#places.layout.in('secrets', name);
    secretFile(path);
    return path;
  }
}
