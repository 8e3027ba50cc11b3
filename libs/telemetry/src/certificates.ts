import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Metrics } from '@keyfleet/platform';
import { Sampler } from './sampler.js';

/** Files change only when somebody renews them. */
const FRESH_MS = 30_000;

/** When the certificates of these files end, by what they are for; of a file with several, the first that ends. */
export function certificateMetrics(
  metrics: Metrics,
  files: Readonly<Record<string, string | undefined>>,
): void {
  const sampler = new Sampler({
    freshMs: FRESH_MS,
    take: () =>
      Promise.all(Object.entries(files).map(async ([name, file]) => [name, await endOf(file)] as const)),
  });
  metrics.gauge({
    name: 'keyfleet_certificate_expires_timestamp_seconds',
    help: 'When a certificate this process uses ends, in seconds since 1970.',
    labelNames: ['certificate'],
    async collect() {
      this.reset();
      for (const [certificate, ends] of (await sampler.sample()) ?? [])
        if (ends !== undefined) this.set({ certificate }, ends);
    },
  });
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
