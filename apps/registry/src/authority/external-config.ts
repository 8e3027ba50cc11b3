import { natsServerConfig } from '@keyfleet/messaging';
import { readAuthorityKeys } from './files.js';

/** Where the files stand on the broker's machine; the names are the operator's choice. */
const REMOTE = '/etc/nats/keyfleet';

/**
 * What a nats-server of one's own must load, as text: the same walls as the embedded one. The certificate is to be
 * issued by an authority the services and agents believe; `init --nats-name <host>` makes one.
 */
export function renderExternalConfig(
  authorityDirectory: string,
  options: { readonly port?: number } = {},
): string {
  const { installation } = readAuthorityKeys(authorityDirectory);
  const config = natsServerConfig({
    ...installation,
    host: '0.0.0.0',
    port: options.port ?? 4222,
    resolverDirectory: '/var/lib/nats/keyfleet-claims',
    certificateFile: `${REMOTE}/server.crt`,
    keyFile: `${REMOTE}/server.key`,
    caFile: `${REMOTE}/ca.crt`,
  });
  return [
    '# What an external NATS must load for this Keyfleet installation.',
    '# Production takes 2.12.12, 2.14.3 or later. From 2.11 on, `min_version: "1.3"` may be added under `tls`.',
    `# Copy nats/server.crt, nats/server.key and nats/ca.crt to ${REMOTE}; keep the resolver directory on a disk.`,
    '# In a cluster every node loads the same text, with a server_name of its own and a `cluster` block;',
    '# leave JetStream, WebSocket, MQTT and leaf nodes off. Nothing in here is secret but the path of the key.',
    config,
  ].join('\n');
}
