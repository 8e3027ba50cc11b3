import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ShownBroker } from '@keyfleet/messaging';
import type { Metrics } from '@keyfleet/platform';
import { Sampler } from './sampler.js';

/** Files change only when somebody renews them. */
const FRESH_MS = 30_000;

/** Of all brokers whose certificate was shown. */
const BROKER = 'broker';

/**
 * When the certificates of these files end, by what they are for; of a file with several, the first that ends. What it
 * returns is for `onBroker` of each connection: a broker's own files say nothing of the certificate that it was started
 * with and goes on to show.
 */
export function certificateMetrics(
  metrics: Metrics,
  files: Readonly<Record<string, string | undefined>>,
): (broker: ShownBroker) => void {
  const brokers = new Map<string, number>();
  const sampler = new Sampler({
    freshMs: FRESH_MS,
    take: () =>
      Promise.all(Object.entries(files).map(async ([name, file]) => [name, await endOf(file)] as const)),
  });
  metrics.gauge({
    name: 'keyfleet_certificate_expires_timestamp_seconds',
    help: 'When a certificate this process uses ends, in seconds since 1970; of a broker the one it showed when this process connected last.',
    labelNames: ['certificate'],
    async collect() {
      this.reset();
      for (const [certificate, ends] of (await sampler.sample()) ?? [])
        if (ends !== undefined) this.set({ certificate }, ends);
      if (brokers.size > 0) this.set({ certificate: BROKER }, Math.min(...brokers.values()) / 1_000);
    },
  });
  return ({ connection, certificateEndsAt }) => void brokers.set(connection, certificateEndsAt);
}

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** A file that cannot be read has no end to show; the connection that needs it says so. */
async function endOf(file: string | undefined): Promise<number | undefined> {
  try {
    const found = file === undefined ? [] : ((await readFile(file, 'utf8')).match(PEM) ?? []);
    const ends = found.map((pem) => new X509Certificate(pem).validToDate.getTime() / 1_000);
    return ends.length === 0 ? undefined : Math.min(...ends);
  } catch {
    return undefined;
  }
}
