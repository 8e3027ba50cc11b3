import { readFileSync } from 'node:fs';
import { useTracing } from '@keyfleet/platform';
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncContext } from './async-context.js';
import { traceparentOnly } from './propagator.js';
import type { TracingSettings } from './settings.js';

export interface TracingOptions {
  readonly service: string;
  readonly version: string;
  readonly settings: TracingSettings;
}

export interface Tracing {
  /** Sends what is left and stops. Never rejects: a collector that is away must not hold up an end. */
  close(): Promise<void>;
}

const NOTHING: Tracing = { close: async () => {} };
/** A collector that is slow costs spans, never memory. */
const QUEUE = {
  maxQueueSize: 4_096,
  maxExportBatchSize: 512,
  scheduledDelayMillis: 1_000,
  exportTimeoutMillis: 5_000,
};
const CLOSE_WITHIN_MS = 3_000;

/** From here on spans are exported. The exporter is loaded only where there is somewhere to export to. */
export async function startTracing({ service, version, settings }: TracingOptions): Promise<Tracing> {
  const { endpoint: url, ratio, headerFile } = settings;
  if (url === undefined) return NOTHING;
  const [sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-proto'),
    import('@opentelemetry/resources'),
  ]);
  const exporter = new OTLPTraceExporter({ url, headers: headersOf(headerFile) });
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({
      'service.namespace': 'keyfleet',
      'service.name': service,
      'service.version': version,
    }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter, ...QUEUE })],
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncContext());
  propagation.setGlobalPropagator(traceparentOnly);
  useTracing(true);
  return { close: () => endWithin(provider.shutdown()) };
}

function headersOf(file: string | undefined): Record<string, string> {
  if (file === undefined) return {};
  const [name, ...value] = readFileSync(file, 'utf8').trim().split(':');
  return { [String(name).trim().toLowerCase()]: value.join(':').trim() };
}

async function endWithin(ending: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_WITHIN_MS);
  });
  await Promise.race([ending.catch(() => {}), late]);
  clearTimeout(timer);
}
