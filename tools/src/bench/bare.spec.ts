import { Cursors } from '@keyfleet/read-store';
import { getAgent, listAgents } from '@keyfleet/registry/read-model';
import { bareQuery } from './bare.js';

const orgId = 'org_0198aaaa-0000-7000-8000-000000000000';
const agentId = 'agt_0198aaaa-0000-7000-8000-000000000000';

describe('the anchor of a read', () => {
  it('asks the same as the gateway does, without the walls', async () => {
    const one = await bareQuery((sql) => getAgent({ sql, orgId }, agentId));
    expect(one.parameters).toEqual(expect.arrayContaining([orgId, agentId]));
    expect(one.text).toMatch(/^select answer\.\* from \(+select [\s\S]*registry/);
    expect(one.text).not.toMatch(/set_config|ctx|offset 0/);
    const cursors = new Cursors('x'.repeat(32));
    const list = await bareQuery((sql) => listAgents({ sql, orgId, cursors, limit: 50 }));
    expect(list.text).toMatch(/order by .* limit \$\d/);
    expect(list.text).toContain('$1::text');
  });

  it('says so where a tenant query has another form than it knows', async () => {
    await expect(bareQuery((sql) => sql.unsafe('select 1', []) as never)).rejects.toThrow('another form');
  });
});
