export interface NatsServerConfig {
  /** Public key → account JWT the broker starts with: system account, and ours with the services' key only. */
  readonly preload: Readonly<Record<string, string>>;
  readonly operatorJwt: string;
  readonly systemAccount: string;
  /** Where pushed claims are kept; made if missing. */
  readonly resolverDirectory: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  /** The trust bundle client certificates are checked against. */
  readonly caFile: string;
  /** `-1`: the server chooses and writes it into its ports file. */
  readonly port: number;
  /** Loopback unless told otherwise. */
  readonly host?: string;
  readonly serverName?: string;
  readonly portsDirectory?: string;
  /** HTTP monitoring, on loopback only; absent means none. */
  readonly monitorPort?: number;
}

// 2.9 does not know `min_version`: naming only these leaves a TLS 1.2 handshake without a suite.
const TLS13_SUITES = ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'];

/**
 * The largest message the system user may push: claims with some 80,000 revocations. Agents (512 KiB) and services
 * (4 MiB) are held lower by their own JWTs.
 */
const MAX_PAYLOAD = 8 * 1024 * 1024;

/**
 * A member of a queue group that hangs keeps its share of the messages until the broker lets go of it: after the third
 * ping without an answer, 20 to 30 s. (The broker's own default is 2 minutes, so 4 to 6.) Whoever sent something lately
 * is not pinged, so an agent that beats costs two of these. To 2.9 a message brought to a client counts as heard from
 * it: there, a member that hangs is pinged only once its group has been quiet for as long.
 */
const PING_INTERVAL = '10s';
const UNANSWERED_PINGS = 2;

const quoted = (value: string) => JSON.stringify(value);

/** The whole configuration of a nats-server, as text it understands from 2.9 on. */
export function natsServerConfig(config: NatsServerConfig): string {
  const host = config.host ?? '127.0.0.1';
  const preload = Object.entries(config.preload).map(([account, jwt]) => `  ${account}: ${quoted(jwt)}`);
  const lines = [
    '# Written by keyfleet: changes are lost.',
    `server_name: ${quoted(config.serverName ?? 'keyfleet')}`,
    `listen: ${quoted(`${host}:${config.port}`)}`,
    ...(config.monitorPort === undefined ? [] : [`http: ${quoted(`127.0.0.1:${config.monitorPort}`)}`]),
    ...(config.portsDirectory ? [`ports_file_dir: ${quoted(config.portsDirectory)}`] : []),
    `max_payload: ${MAX_PAYLOAD}`,
    `ping_interval: ${quoted(PING_INTERVAL)}`,
    `ping_max: ${UNANSWERED_PINGS}`,
    'tls {',
    `  cert_file: ${quoted(config.certificateFile)}`,
    `  key_file: ${quoted(config.keyFile)}`,
    `  ca_file: ${quoted(config.caFile)}`,
    '  verify: true',
    '  timeout: 10',
    `  cipher_suites: [${TLS13_SUITES.map(quoted).join(', ')}]`,
    '}',
    `operator: ${quoted(config.operatorJwt)}`,
    `system_account: ${config.systemAccount}`,
    'resolver {',
    '  type: full',
    `  dir: ${quoted(config.resolverDirectory)}`,
    '  allow_delete: false',
    '  interval: "2m"',
    '  limit: 16',
    '}',
    'resolver_preload {',
    ...preload,
    '}',
  ];
  return `${lines.join('\n')}\n`;
}
