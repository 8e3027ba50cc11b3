import { createCertificateRequest } from '@keyfleet/crypto';
import { accountClaims, publicKeyOf, readAccountClaims } from '@keyfleet/messaging';
import { systemClock } from '@keyfleet/platform';
import { waitFor } from '@keyfleet/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { BrokerClaims } from './broker-claims.js';
import type { OpenAuthority } from './open.js';
import { ClaimsReconciler } from './reconciler.js';
import { RevocationTable } from './revocations.js';
import { Installed, type TestAgent } from './testing/installed.js';

jest.setTimeout(120_000);

const DAY_S = 86_400;
const nowSeconds = () => Math.floor(Date.now() / 1000);

describe('revocation', () => {
  let installed: Installed;

  beforeEach(async () => {
    installed = await Installed.start();
  });

  afterEach(() => installed.stop());

  const ready = async (opened: OpenAuthority) => {
    await waitFor(() => opened.isReady());
    return opened;
  };

  const revoke = ({ authority }: OpenAuthority, agent: TestAgent) =>
    authority.revoke(agent.agentId, agent.nkey, agent.expiresAt);

  const claimsOnBroker = async () => {
    const connection = await installed.connectSystem();
    const stored = await new BrokerClaims(connection, installed.keys.installation.account).stored();
    await connection.close();
    return stored?.claims;
  };

  it('S4: agents are out until the authority has pushed, and in afterwards', async () => {
    expect((await claimsOnBroker())?.signers).toEqual([publicKeyOf(installed.keys.services)]);
    const opened = await ready(await installed.open());
    expect(await installed.isOut(await installed.agent(opened))).toBe(false);
    expect((await claimsOnBroker())?.signers).toHaveLength(2);
  });

  it('S4: the live agent is cut within two seconds, stays out, gets nothing new, and its neighbours notice nothing', async () => {
    const opened = await ready(await installed.open());
    const [agent, neighbour] = [await installed.agent(opened), await installed.agent(opened)];
    const [one, two] = [await installed.connectAgent(agent), await installed.connectAgent(neighbour)];
    const cut = disconnected(one);
    const neighbourCut = watchDisconnect(two);
    const before = performance.now();
    await revoke(opened, agent);
    await cut;
    expect(performance.now() - before).toBeLessThan(2_000);
    expect(await installed.isOut(agent)).toBe(true);
    expect(await opened.authority.has(agent.agentId)).toBe(true);
    expect(await opened.authority.has(neighbour.agentId)).toBe(false);
    await expect(
      opened.authority.issueAgentIdentity({ ...agent, csr: await freshCsr() }),
    ).rejects.toMatchObject({ code: 'agent.revoked' });
    await two.flush();
    expect(neighbourCut()).toBe(false);
    await Promise.all([one.close(), two.close()]);
  });

  it('S4: a broker that lost everything takes nobody in before it knows who is revoked', async () => {
    const opened = await ready(await installed.open());
    const [agent, neighbour] = [await installed.agent(opened), await installed.agent(opened)];
    await revoke(opened, agent);
    await installed.killBroker();
    await installed.startBroker({ empty: true });
    // The authority notices by itself: its own connection comes back, or the next comparison finds the difference.
    await waitFor(async () => !(await installed.isOut(neighbour)), { ceilingMs: 30_000 });
    expect(await installed.isOut(agent)).toBe(true);
    expect(Object.keys((await claimsOnBroker())?.revocations ?? {})).toEqual([agent.nkey]);
  });

  it('S4: two registries that revoke at the same moment both hold, however the pushes interleave', async () => {
    const registries = [await ready(await installed.open()), await ready(await installed.open())] as const;
    for (let round = 0; round < 3; round += 1) {
      const pair = [await installed.agent(registries[0]), await installed.agent(registries[1])] as const;
      const connections = await Promise.all(pair.map((agent) => installed.connectAgent(agent)));
      const cuts = connections.map(disconnected);
      await Promise.all(pair.map((agent, index) => revoke(registries[index as 0 | 1], agent)));
      await Promise.all(cuts);
      const { revocations = {} } = (await claimsOnBroker()) ?? {};
      for (const agent of pair) expect(revocations[agent.nkey]).toBeGreaterThan(nowSeconds() + DAY_S - 60);
      await Promise.all(connections.map((connection) => connection.close()));
    }
  });

  it('S4: a push that was overtaken on its way takes nobody’s revocation away', async () => {
    const opened = await ready(await installed.open({ intervalMs: 3_600_000 }));
    const [slowOne, fastOne] = [await installed.agent(opened), await installed.agent(opened)];
    const { keys } = installed;
    const { account } = keys.installation;
    const connection = await installed.connectSystem();
    const arrived = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    class SlowBroker extends BrokerClaims {
      override async push(jwt: string): Promise<void> {
        arrived.resolve();
        await released.promise;
        return super.push(jwt);
      }
    }
    const registry = (broker: BrokerClaims) => {
      const sql = installed.pool();
      const reconciler = new ClaimsReconciler({
        sql,
        broker,
        keys: { account, services: publicKeyOf(keys.services), agents: [publicKeyOf(keys.agents)] },
        operatorSigning: keys.operatorSigning,
        clock: systemClock,
      });
      const table = new RevocationTable(sql);
      return async ({ agentId, nkey }: TestAgent) => {
        await table.add({ agentId, nkey, now: Date.now(), jwtExpiresAt: Date.now() });
        await reconciler.enforce();
      };
    };
    const slow = registry(new SlowBroker(connection, account))(slowOne);
    await arrived.promise;
    const fast = registry(new BrokerClaims(connection, account))(fastOne);
    // Either it has pushed already, or it stands in line for the lock the slow one holds.
    const sql = installed.superuser();
    await waitFor(async () => {
      const waiting = await sql`select 1 from pg_locks where locktype = 'advisory' and not granted`;
      return waiting.length > 0 || (await claimsOnBroker())?.revocations[fastOne.nkey];
    });
    released.resolve();
    await Promise.all([slow, fast]);
    const { revocations = {} } = (await claimsOnBroker()) ?? {};
    expect(Object.keys(revocations).sort()).toEqual([slowOne.nkey, fastOne.nkey].sort());
    await Promise.all([sql.end(), connection.close()]);
  });

  it('S4: the lock has one holder; a comparison leaves it to whoever is at it', async () => {
    const opened = await ready(await installed.open({ intervalMs: 3_600_000 }));
    const other = installed.superuser();
    await other`select pg_advisory_lock(${0x6b66_636c}::int, 1)`;
    expect(await opened.reconciler.check()).toBe('busy');
    await other.end();
    expect(await opened.reconciler.check()).toBe('same');
  });

  it('S4: what the broker knows and the table does not is taken over, with its agent, and not taken away', async () => {
    const opened = await ready(await installed.open());
    const [lost, fresh] = [await installed.agent(opened), await installed.agent(opened)];
    await revoke(opened, lost);
    // The table was restored from a backup of yesterday.
    const sql = installed.pool();
    const owner = await installed.superuser();
    await owner`delete from registry.revocations`;
    await owner.end();
    await revoke(opened, fresh);
    expect(await installed.isOut(lost)).toBe(true);
    expect(await opened.authority.has(lost.agentId)).toBe(true);
    const rows = await sql`select nkey from registry.revocations`;
    expect(rows.map(({ nkey }) => nkey).sort()).toEqual([lost.nkey, fresh.nkey].sort());
    expect(Object.keys((await claimsOnBroker())?.revocations ?? {})).toHaveLength(2);
  });

  it('S4: of claims pushed by hand, what could still matter is kept and what is long dead is not', async () => {
    const opened = await ready(await installed.open({ intervalMs: 3_600_000 }));
    const [recent, dead] = [await installed.agent(opened), await installed.agent(opened)];
    const connection = await installed.connectSystem();
    const broker = new BrokerClaims(connection, installed.keys.installation.account);
    const { keys } = installed;
    const byHand = await accountClaims(
      keys.operatorSigning,
      {
        account: keys.installation.account,
        services: publicKeyOf(keys.services),
        agents: [publicKeyOf(keys.agents)],
      },
      { [recent.nkey]: nowSeconds(), [dead.nkey]: nowSeconds() - 3 * DAY_S },
      { issuedAfter: nowSeconds() + 100 },
    );
    await broker.push(byHand);
    expect(await opened.reconciler.check()).toBe('pushed');
    const seen = await claimsOnBroker();
    expect(Object.keys(seen?.revocations ?? {})).toEqual([recent.nkey]);
    expect(seen?.revocations[recent.nkey]).toBeGreaterThan(nowSeconds() + DAY_S - 60);
    // Also where the clock that wrote the others was ahead.
    expect(seen?.issuedAt).toBeGreaterThan(readAccountClaims(byHand).issuedAt);
    expect(await opened.reconciler.check()).toBe('same');
    await connection.close();
  });

  it('S4: while no broker answers, a revocation is recorded, says so, and is the first thing the broker hears', async () => {
    const opened = await ready(await installed.open());
    const agent = await installed.agent(opened);
    const connection = await installed.connectAgent(agent);
    await installed.killBroker();
    await expect(revoke(opened, agent)).rejects.toMatchObject({ code: 'service.unavailable' });
    expect(await opened.authority.has(agent.agentId)).toBe(true);
    await installed.startBroker();
    await waitFor(async () => (await claimsOnBroker())?.revocations[agent.nkey] !== undefined, {
      ceilingMs: 30_000,
    });
    expect(await installed.isOut(agent)).toBe(true);
    await connection.close();
  });

  it('S4: a revocation leaves the claims when nothing of that agent can be alive, and never the table', async () => {
    const later = { now: () => Date.now() + 3 * DAY_S * 1000, monotonic: () => performance.now() };
    const opened = await ready(await installed.open({ intervalMs: 3_600_000 }));
    const agent = await installed.agent(opened);
    await revoke(opened, agent);
    const inThreeDays = await installed.open({ clock: later });
    await ready(inThreeDays);
    expect((await claimsOnBroker())?.revocations).toEqual({});
    expect(await inThreeDays.authority.has(agent.agentId)).toBe(true);
    await expect(
      inThreeDays.authority.issueAgentIdentity({ ...agent, csr: await freshCsr() }),
    ).rejects.toMatchObject({ code: 'agent.revoked' });
  });

  it('S3: the system user reads and pushes account claims and can do nothing else', async () => {
    const connection = await installed.connectSystem();
    for (const subject of [
      '$SYS.REQ.SERVER.PING.CONNZ',
      '$SYS.REQ.SERVER.PING',
      '$SYS.REQ.CLAIMS.DELETE',
      'x',
    ])
      await expect(connection.request(subject, '', { timeout: 2_000 })).rejects.toThrow(/permission/i);
    await connection.close();
  });
});

async function freshCsr(): Promise<string> {
  return (await createCertificateRequest()).csr;
}

function disconnected(connection: NatsConnection): Promise<void> {
  return (async () => {
    for await (const status of connection.status()) if (status.type === 'disconnect') return;
  })();
}

function watchDisconnect(connection: NatsConnection): () => boolean {
  let cut = false;
  void disconnected(connection).then(() => {
    cut = true;
  });
  return () => cut;
}
