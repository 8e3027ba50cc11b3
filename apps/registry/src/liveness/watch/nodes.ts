import { type BrokerOptions, natsConnectionOptions } from '@keyfleet/messaging';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { type BrokerNode, NODE_NAME } from './canary.js';

export interface BrokerNodes {
  readonly nodes: readonly BrokerNode[];
  close(): Promise<void>;
}

/**
 * A connection of its own into each node of the broker's cluster, kept to that node whatever the cluster advertises. One
 * that is down is tried for ever; its canaries are late until it is back or no longer named.
 */
export function connectNodes(options: BrokerOptions): BrokerNodes {
  const open = new Map<string, NatsConnection>();
  let closed = false;
  const nodes = options.servers.map((server) => {
    const name = nameOf(server);
    const pinned = natsConnectionOptions({
      ...options,
      servers: [server],
      name: `${options.name} ${name}`,
      waitOnFirstConnect: true,
    });
    connect({ ...pinned, ignoreClusterUpdates: true }).then(
      (connection) => (closed ? connection.close() : void open.set(name, connection)),
      // Closed for good only by us, or by options no broker would take: the first connection shows those.
      () => undefined,
    );
    return { name, connection: { publish: publishTo(() => open.get(name)) } };
  });
  return {
    nodes,
    close: async () => {
      closed = true;
      await Promise.all([...open.values()].map((connection) => connection.close()));
    },
  };
}

function publishTo(connection: () => NatsConnection | undefined): BrokerNode['connection']['publish'] {
  return (...message) => connection()?.publish(...message);
}

function nameOf(server: string): string {
  const name = server.replace(/^[a-z]+:\/\//, '').replace(/^.*@/, '');
  if (!NODE_NAME.test(name)) throw new TypeError('A broker is named by host and port.');
  return name;
}
