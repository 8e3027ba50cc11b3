import type { BrokerIdentity, Drop } from '@keyfleet/messaging';
import { forgeries, type Outcome, runForgery, Witness } from '@keyfleet/messaging/testing';
import type { AuthorityProcess } from './authority-process.js';
import type { ProofInstallation } from './installation.js';
import { shuffled } from './random.js';
import { startResponder } from './responders.js';

export interface MatrixResult {
  readonly operations: number;
  /** Names of operations that had an effect, or that the broker did not refuse. */
  readonly forged: readonly string[];
  /** Names of operations whose honest twin failed. */
  readonly twinsFailed: readonly string[];
  readonly dropped: number;
}

export interface MatrixOptions {
  readonly installation: ProofInstallation;
  readonly authority: AuthorityProcess;
  readonly random: () => number;
  /** `service`: responders have the services' own credentials. `unbound`: no broker permission helps the guard. */
  readonly responders: 'service' | 'unbound';
}

/** Every forged operation with a genuine agent's credentials, each beside its honest twin. */
export async function runMatrix(options: MatrixOptions): Promise<MatrixResult> {
  const { installation, authority, random } = options;
  const me = await installation.agent(authority);
  const cast = {
    me,
    neighbour: await installation.agent(authority, me.orgId),
    stranger: await installation.agent(authority),
    account: installation.account,
  };
  const witnessIdentity = await installation.witnessIdentity();
  const drops: Drop[] = [];
  const stops = await startResponders(options, witnessIdentity, (drop) => drops.push(drop));
  const forger = await installation.connectAgent(me);
  const witness = await installation.connect({
    identity: witnessIdentity,
    name: 'witness',
    inboxPrefix: '_INBOX.witness',
  });
  try {
    const watching = new Witness(witness);
    await witness.flush();
    const outcomes: Outcome[] = [];
    for (const forgery of shuffled(forgeries(cast), random))
      outcomes.push(await runForgery({ cast, forger, witness }, watching, forgery));
    return {
      operations: outcomes.length,
      forged: outcomes.filter(({ forged, refused }) => forged || refused === false).map(nameOf),
      twinsFailed: outcomes.filter(({ twin }) => !twin).map(nameOf),
      dropped: drops.filter(({ reason }) => reason === 'reply-foreign').length,
    };
  } finally {
    await Promise.all([forger.close(), witness.close(), ...stops.map((stop) => stop())]);
  }
}

const nameOf = ({ forgery }: Outcome) => `${forgery.kind} ${forgery.name}`;

function startResponders(
  { installation, responders }: MatrixOptions,
  unbound: () => BrokerIdentity,
  onDropped: (drop: Drop) => void,
): Promise<(() => Promise<void>)[]> {
  return Promise.all(
    (['registry', 'policy'] as const).map((service) => {
      const identity = responders === 'service' ? installation.serviceIdentity(service) : unbound;
      const inboxPrefix = responders === 'service' ? `_INBOX.svc.${service}` : '_INBOX.witness';
      const { servers } = installation;
      return startResponder(service, { servers, identity, inboxPrefix, name: service }, onDropped);
    }),
  );
}
