import { join } from 'node:path';
import { findServer } from '@keyfleet/embedded';

// Before the tests: servers that are not installed are unpacked here, where nobody waits for them with a stopwatch.
const vendorDirectory = join('.keyfleet', 'vendor');
const onProgress = (message: string): void => void process.stderr.write(`${message}…\n`);

try {
  await Promise.all([
    findServer('nats-server', { vendorDirectory, onProgress }),
    findServer('redis-server', { vendorDirectory, onProgress }),
  ]);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
// The channel of whoever started us would keep us.
process.disconnect?.();
