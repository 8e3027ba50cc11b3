import { agentSubject } from '@keyfleet/contracts/messages';
import type { EventStore } from '@keyfleet/event-store';
import type { Clock } from '@keyfleet/kernel';
import { type AgentMessage, listenToAgents, type OnDropped } from '@keyfleet/messaging';
import { inSpan, isTracing, type Logger, type Metrics } from '@keyfleet/platform';
import type { Sql } from '@keyfleet/postgres';
import type { NatsConnection } from '@nats-io/transport-node';
import { type Announcements, Sync } from '../sync/sync.js';
import { Admission, type AdmissionLimits } from './admission.js';
import { StoredAgents } from './agents.js';
import { Epochs } from './epochs.js';
import { Ingest } from './ingest.js';
import { Journals } from './journals.js';
import { ingestMetrics, NO_METRICS, watchAdmission } from './metrics.js';
import { PolledRevocations } from './polled-revocations.js';
import { SqlQuarantine } from './sql-quarantine.js';

export interface IngestServiceOptions {
  /** As `kf_worker`; tables of `ingestMigrations` and of the authority. */
  readonly sql: Sql;
  readonly store: EventStore;
  readonly nats: NatsConnection;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'error'>;
  readonly metrics?: Metrics;
  /** What sync tells every agent; trust bundle and command keys come from the authority. */
  readonly announcements: Announcements;
  /** `svc_…`: who is named as the actor of new epochs. */
  readonly actor: string;
  readonly admission?: AdmissionLimits;
  readonly onDropped?: OnDropped;
}

export interface IngestService {
  /** Takes no more batches; resolves when those under way have their answers. */
  close(): Promise<void>;
}

const QUEUE = 'registry';

/** Listens to journal batches and to questions about them; any number of replicas share the work. */
export function startIngest(options: IngestServiceOptions): IngestService {
  const { sql, store, nats, clock, logger, actor, announcements } = options;
  const agents = new StoredAgents({ store, clock, revocations: new PolledRevocations(sql, clock) });
  const journals = new Journals(store);
  const epochs = new Epochs({ agents, journals, clock, actor });
  const quarantine = new SqlQuarantine(sql, clock);
  const onError = (err: unknown) => logger.error({ err }, 'Ingest met something it did not expect');
  const common = { store, agents, journals, epochs, quarantine, clock, onError };
  const admission = new Admission(options.admission);
  const metrics = options.metrics ? ingestMetrics(options.metrics) : NO_METRICS;
  if (options.metrics) watchAdmission(options.metrics, admission);
  const ingest = new Ingest({ ...common, admission, metrics });
  const sync = new Sync({ ...common, announcements, metrics });

  const underWay = new Set<Promise<object>>();
  const track = (work: Promise<object>): Promise<object> => {
    underWay.add(work);
    return work.finally(() => underWay.delete(work));
  };
  const listen = (kind: 'ev' | 'rpc.sync', handler: { handle: Ingest['handle'] | Sync['handle'] }) => {
    const span = kind === 'ev' ? 'ingest journal batch' : 'answer sync';
    return listenToAgents(
      nats,
      { kind, queue: QUEUE, onDropped: options.onDropped, onError },
      ({ caller, data, traceparent }: AgentMessage) => {
        const handle = (): Promise<object> => handler.handle(agentSubject(caller, kind), data);
        if (!isTracing()) return track(handle());
        const attributes = { 'messaging.system': 'nats', 'keyfleet.agent.id': caller.agentId };
        return track(inSpan(span, { kind: 'consumer', parent: traceparent, attributes }, handle));
      },
    );
  };
  const subscriptions = [listen('ev', ingest), listen('rpc.sync', sync)];
  return {
    close: async () => {
      const open = subscriptions.filter((subscription) => !subscription.isClosed());
      await Promise.all(open.map((subscription) => subscription.drain()));
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
  };
}
