import type { Metrics } from '@keyfleet/platform';
import { poolUse, type Sql } from '@keyfleet/postgres';

/** How full the pools of this process are; read when asked for. */
export function poolMetrics(metrics: Metrics, pools: readonly Sql[]): void {
  const labelNames = ['pool', 'kind'] as const;
  metrics.gauge({
    name: 'keyfleet_database_connections',
    help: 'Connections that are open, by pool and what they are for.',
    labelNames,
    collect() {
      for (const { name, connections } of pools.map(poolUse))
        for (const kind of ['statements', 'transactions'] as const)
          this.set({ pool: name, kind }, connections[kind]);
    },
  });
  metrics.gauge({
    name: 'keyfleet_database_connections_max',
    help: 'Connections a pool may have, of each kind.',
    labelNames: ['pool'],
    collect() {
      for (const { name, max } of pools.map(poolUse)) this.set({ pool: name }, max);
    },
  });
  metrics.gauge({
    name: 'keyfleet_database_transactions',
    help: 'Transactions that hold a connection (open) or wait for one (waiting), by pool.',
    labelNames: ['pool', 'state'],
    collect() {
      for (const { name, transactions } of pools.map(poolUse))
        for (const state of ['open', 'waiting'] as const)
          this.set({ pool: name, state }, transactions[state]);
    },
  });
}
