import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type NatsServer, type RedisServer, startNatsServer, startRedis } from '@keyfleet/embedded';
import { temporaryDirectory } from './run.js';

/** Where servers that are not installed are unpacked: once for the checkout, not once per test. */
const VENDOR = fileURLToPath(new URL('../../../../.keyfleet/vendor', import.meta.url));

/** A private Redis, gone with the test process at the latest. */
export function testRedis(): Promise<RedisServer> {
  return startRedis({ directory: temporaryDirectory('redis'), vendorDirectory: VENDOR, persistent: false });
}

/** A private nats-server with this configuration (`port: -1` for a free port), gone with the test process at the latest. */
export function testNats(
  configText = 'listen: "127.0.0.1:-1"\n',
): Promise<NatsServer & { readonly configFile: string }> {
  const directory = temporaryDirectory('nats');
  const configFile = join(directory, 'nats.conf');
  writeFileSync(configFile, configText, { mode: 0o600 });
  return startNatsServer({ configFile, directory, vendorDirectory: VENDOR }).then((server) => ({
    ...server,
    configFile,
  }));
}
