import { setTimeout as delay } from 'node:timers/promises';
import type { BrokerIdentity, OnDropped, Service } from '@keyfleet/messaging';
import type { Progress } from '../../launcher/progress.js';
import type { BrokerAccess } from './broker-access.js';
import { type CredentialResult, runCredentials } from './credentials.js';
import { ProofInstallation } from './installation.js';
import { type MatrixResult, runMatrix } from './matrix.js';
import { Product } from './product.js';
import { revokeByApi } from './product-revocation.js';
import { startResponder } from './responders.js';
import { Revocations } from './revocation.js';

export interface Proving {
  readonly random: () => number;
  readonly scale: number;
  readonly progress: Progress;
}

export interface PartResult {
  readonly matrices: readonly (MatrixResult | CredentialResult)[];
  /** Milliseconds from each revocation to the end of the agent's connection. */
  readonly cuts: readonly number[];
  readonly failures: readonly string[];
}

interface Stoppable {
  stop(): Promise<void>;
}

/** Whatever ends the proof ends what it started. */
async function stoppedInTheEnd<T>(part: Stoppable, work: () => Promise<T>): Promise<T> {
  const stop = () => void part.stop().finally(() => process.exit(130));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  try {
    return await work();
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
    await part.stop();
  }
}

function describe(result: Pick<MatrixResult, 'operations' | 'forged' | 'twinsFailed'>): string {
  const { operations, forged, twinsFailed } = result;
  return `${operations} operations, ${forged.length} with an effect, ${twinsFailed.length} honest twins failed`;
}

function responder(
  broker: BrokerAccess,
  service: 'registry' | 'policy',
  as: { readonly identity: () => BrokerIdentity; readonly inboxPrefix: string },
  onDropped: OnDropped,
): Promise<() => Promise<void>> {
  return startResponder(service, { servers: broker.servers, name: service, ...as }, onDropped);
}

/** Two authorities as processes, so that one can be held, overtaken, killed and starved at will. */
export async function proveAuthorities({ random, scale, progress }: Proving): Promise<PartResult> {
  const installation = new ProofInstallation();
  return stoppedInTheEnd(installation, async () => {
    await progress.step('installation', () => installation.start());
    const authorities = [await installation.startAuthority(), await installation.startAuthority()] as const;
    const [authority] = authorities;
    for (const one of authorities) while (!(await one.isReady())) await delay(50);
    const { broker } = installation;
    const me = await installation.agent(authority);
    // Responders that the broker would let publish anything: what holds is the guard alone.
    const matrix = await progress.step('forged operations against the guard alone', async (say) => {
      const result = await runMatrix({
        broker,
        random,
        me,
        neighbour: await installation.agent(authority, me.orgId),
        stranger: await installation.agent(authority),
        startResponders: (onDropped) => {
          const as = { identity: broker.witnessIdentity(), inboxPrefix: '_INBOX.witness' };
          const services = ['registry', 'policy'] as const;
          return Promise.all(services.map((service) => responder(broker, service, as, onDropped)));
        },
      });
      say(describe(result));
      return result;
    });
    const credentials = await progress.step('forged credentials and names', async (say) => {
      const result = await runCredentials(installation, authority);
      say(describe(result));
      return result;
    });
    const { cuts, failures } = await progress.step('revocations', (say) => {
      const singles = Math.max(3, Math.round(20 * scale));
      const rounds = Math.max(3, Math.round(20 * scale));
      const overtaken = Math.max(2, Math.round(5 * scale));
      return new Revocations({ installation, authorities, random, singles, rounds, overtaken, say }).run();
    });
    return { matrices: [matrix, credentials], cuts, failures };
  });
}

/** The whole product: its own responders, its public API, its launcher. */
export async function proveProduct({ random, scale, progress }: Proving): Promise<PartResult> {
  const product = await progress.step('the whole product', () => Product.start());
  return stoppedInTheEnd(product, async () => {
    const { broker } = product;
    const matrix = await progress.step('forged operations against the product', async (say) => {
      const result = await runMatrix({
        broker,
        random,
        me: await product.agent(0),
        neighbour: await product.agent(0),
        stranger: await product.agent(1),
        // The policy service answers no agent yet: its transport stands here with its own credentials.
        startResponders: async (onDropped) => [
          await responder(broker, 'policy', ownIdentity(broker, 'policy'), onDropped),
        ],
      });
      say(describe(result));
      return result;
    });
    const { cuts, failures } = await progress.step('revocations by the API', (say) => {
      const singles = Math.max(3, Math.round(20 * scale));
      const rounds = Math.max(2, Math.round(10 * scale));
      return revokeByApi({ product, singles, rounds, say });
    });
    return { matrices: [matrix], cuts, failures };
  });
}

function ownIdentity(broker: BrokerAccess, service: Service) {
  return { identity: broker.serviceIdentity(service), inboxPrefix: `_INBOX.svc.${service}` };
}
