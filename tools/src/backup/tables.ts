/** Whose eyes a table is read with, and who writes it back: roles that may do that in daily work. */
export type Reader = 'store' | 'worker' | 'identity';
/** `kf_owner` writes what its own functions write otherwise: the event store has no policies, and COPY goes straight in. */
export type Writer = 'owner' | 'worker' | 'identity';

export interface KeptTable {
  readonly name: string;
  readonly reader: Reader;
  readonly writer: Writer;
  /** Columns rows come in the order of; the events' order is what verification goes by. */
  readonly orderBy?: string;
  /** Whose numbers the database gives out. */
  readonly identity?: string;
}

const store = (name: string, more: Partial<KeptTable> = {}): KeptTable => ({
  name: `store.${name}`,
  reader: 'store',
  writer: 'owner',
  ...more,
});
const worker = (name: string): KeptTable => ({ name, reader: 'worker', writer: 'worker' });
const people = (name: string): KeptTable => ({ name, reader: 'identity', writer: 'identity' });

/** Everything that no event can tell again, in the order it is written and read. */
export const KEPT_TABLES: readonly KeptTable[] = [
  store('kinds', { identity: 'id' }),
  store('orgs', { identity: 'id' }),
  store('streams', { identity: 'id' }),
  store('floor'),
  store('trimmed'),
  store('events', { orderBy: 'position' }),
  people('identity.people'),
  people('identity.slug_claims'),
  worker('registry.revocations'),
  worker('registry.renewal_nonces'),
  worker('registry.quarantine'),
  worker('registry.agent_last_seen'),
  worker('registry.fleet_silence'),
  worker('registry.detection'),
  worker('policy.certificates'),
  worker('policy.name_claims'),
];

/** Left out on purpose, each for its reason; a table that stands in neither list fails a test. */
export const LEFT_TABLES: Readonly<Record<string, string>> = {
  'identity.sessions': 'every session ends at a restore: one that was ended since must not come back',
  'registry.enrolment_secrets':
    'a token of one use may have been used since; without its hash none opens anything',
  'policy.desired': 'derived from events; numbers go on above what agents report',
  'policy.bundles': 'derived from events',
  'registry.detection_replicas': 'replicas write themselves down again when they start',
  'registry.detection_canaries': 'as the replicas they belong to',
  'migrations.applied': 'written by the migrations themselves; the backup names which had run',
  'projections.checkpoints': 'made by the migrations; every read model is rebuilt from the events',
  'projections.leases': 'a lease is nobody else’s after a restore',
  'projections.parked_streams': 'a poison event parks its stream again when it is met again',
  'projections.tables': 'written by the migrations that make the tables',
};

export const kept = (name: string): KeptTable | undefined => KEPT_TABLES.find((table) => table.name === name);
