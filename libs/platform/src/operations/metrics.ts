import {
  Counter,
  type CounterConfiguration,
  collectDefaultMetrics,
  Gauge,
  type GaugeConfiguration,
  Histogram,
  type HistogramConfiguration,
  Registry,
} from 'prom-client';

/** One registry per process. Names begin with `keyfleet_` and end with their unit; labels are few and never name an agent or a secret. */
export interface Metrics {
  readonly registry: Registry;
  counter<L extends string>(options: Omit<CounterConfiguration<L>, 'registers'>): Counter<L>;
  gauge<L extends string>(options: Omit<GaugeConfiguration<L>, 'registers'>): Gauge<L>;
  histogram<L extends string>(options: Omit<HistogramConfiguration<L>, 'registers'>): Histogram<L>;
}

const PREFIX = 'keyfleet_';
/** Each would make as many series as there are agents, people or secrets, and name them. */
const FORBIDDEN_LABELS = /agent|secret|path|user|principal|email|token|^(id|org|orgId|org_id)$/i;

export interface MetricsOptions {
  readonly service: string;
  readonly version: string;
  /** Process and runtime metrics; default true. */
  readonly runtime?: boolean;
}

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const metrics: Metrics = {
    registry,
    counter: (given) => new Counter({ ...checked(given, /_total$/), registers: [registry] }),
    gauge: (given) => new Gauge({ ...checked(given, /(?<!_total)$/), registers: [registry] }),
    histogram: (given) =>
      new Histogram({ ...checked(given, /_(seconds|bytes|events|rows|entries)$/), registers: [registry] }),
  };
  if (options.runtime ?? true) collectDefaultMetrics({ register: registry, prefix: PREFIX });
  metrics
    .gauge({
      name: 'keyfleet_build_info',
      help: 'What runs here; the value is always 1.',
      labelNames: ['service', 'version', 'node'],
    })
    .set({ service: options.service, version: options.version, node: process.version }, 1);
  return metrics;
}

interface Named<L extends string> {
  readonly name: string;
  readonly labelNames?: readonly L[] | L[];
}

function checked<L extends string, O extends Named<L>>(options: O, ending: RegExp): O {
  if (!options.name.startsWith(PREFIX) || !/^[a-z][a-z0-9_]*$/.test(options.name))
    throw new Error(`The metric "${options.name}" must begin with ${PREFIX} and be in lower_snake_case.`);
  if (!ending.test(options.name))
    throw new Error(`The metric "${options.name}" must end with its unit (${ending}).`);
  const forbidden = options.labelNames?.find((label) => FORBIDDEN_LABELS.test(label));
  if (forbidden) throw new Error(`The metric "${options.name}" may not have the label "${forbidden}".`);
  return options;
}
