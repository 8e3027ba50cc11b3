import type { Drop, OnDropped } from '@keyfleet/messaging';
import { forgeries, type Outcome, runForgery, Witness } from '@keyfleet/messaging/testing';
import { shuffled } from '../random.js';
import type { BrokerAccess, ProofAgent } from './broker-access.js';

export interface MatrixResult {
  readonly operations: number;
  /** Names of operations that had an effect, or that the broker did not refuse. */
  readonly forged: readonly string[];
  /** Names of operations whose honest twin failed. */
  readonly twinsFailed: readonly string[];
  readonly dropped: number;
}

export interface MatrixOptions {
  readonly broker: BrokerAccess;
  readonly me: ProofAgent;
  /** Of the same organisation. */
  readonly neighbour: ProofAgent;
  /** Of another one. */
  readonly stranger: ProofAgent;
  readonly random: () => number;
  /** Starts what answers beside what is running already; gives back how to stop it. */
  readonly startResponders: (onDropped: OnDropped) => Promise<readonly (() => Promise<void>)[]>;
}

/** Every forged operation with a genuine agent's credentials, each beside its honest twin. */
export async function runMatrix(options: MatrixOptions): Promise<MatrixResult> {
  const { broker, me, neighbour, stranger, random } = options;
  const cast = { me, neighbour, stranger, account: broker.account };
  const drops: Drop[] = [];
  const stops = await options.startResponders((drop) => drops.push(drop));
  const forger = await broker.connectAgent(me);
  const witness = await broker.connectWitness();
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
