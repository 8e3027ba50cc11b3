import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@keyfleet/embedded';
import { serviceSettings } from '@keyfleet/messaging/testing';
import { newId } from '@keyfleet/platform';
import { type ServiceProcess, startService, temporaryDirectory, testRedis, waitFor } from '@keyfleet/testing';
import { World } from '../testing/world.js';

jest.setTimeout(240_000);

let world: World;
let redis: Awaited<ReturnType<typeof testRedis>>;

beforeAll(async () => {
  [world, redis] = await Promise.all([World.start(), testRedis()]);
}, 90_000);
afterAll(async () => {
  await world?.stop();
  await redis?.stop();
});

async function policy(failpoints: object): Promise<ServiceProcess> {
  return startService({
    app: 'policy',
    port: await freePort(),
    settings: {
      ...(await serviceSettings(world.broker, 'policy')),
      KEYFLEET_DATABASE__STORE_URL_FILE: world.database.urlFor('kf_store'),
      KEYFLEET_DATABASE__WORKER_URL_FILE: world.database.urlFor('kf_worker'),
      KEYFLEET_REDIS__URL_FILE: redis.url,
      KEYFLEET_FAILPOINTS: JSON.stringify(failpoints),
    },
  });
}

const STEPS = ['distribution.after-desired', 'distribution.after-signed', 'distribution.after-saved'];

describe('the policy service as a process', () => {
  it('killed after any step, finishes when it is back: nothing is half done, and each agent is told ', async () => {
    const orgId = newId('org');
    const agents = await Promise.all(Array.from({ length: 3 }, () => world.agent(orgId)));
    const files = STEPS.map(() => join(temporaryDirectory('kill'), 'now'));
    const failpoints = Object.fromEntries(
      STEPS.map((step, index) => [step, { killWhenFile: files[index] as string }]),
    );
    const policyId = newId('pol');
    let service = await policy(failpoints);
    for (const [index, step] of STEPS.entries()) {
      const version = index + 1;
      writeFileSync(files[index] as string, '');
      if (version > 1)
        await world.append(`policy-${policyId}`, orgId, [
          ['RolloutCompleted', { policyId, version: index, agents: 3 }],
        ]);
      await world.publish(orgId, { policyId, version, from: version > 1 ? index : null });
      expect(await service.process.exited).toMatchObject({ signal: 'SIGKILL' });
      const cut = await Promise.all(agents.map(({ agentId }) => world.desired(agentId)));
      expect(cut.map((row) => row?.manifest !== null)).toEqual(agents.map(() => index === 2));
      expect(agents.some(({ pushed }) => pushed.some((manifest) => manifest.version === version))).toBe(
        false,
      );
      service = await policy(failpoints);
      for (const agent of agents)
        await waitFor(() => agent.pushed.some((manifest) => manifest.version === version), {
          ceilingMs: 60_000,
          what: `${step}: a push to everybody`,
        });
      // What was written before the kill was finished after it, and not written once more.
      const rows = await Promise.all(agents.map(({ agentId }) => world.desired(agentId)));
      expect(rows.map((row) => row?.version)).toEqual([version, version, version]);
    }
    await service.process.stop();
  });
});
