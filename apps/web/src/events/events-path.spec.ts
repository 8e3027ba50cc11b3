import { eventsPath } from './events-path';

describe('where events are shown', () => {
  it.each([
    [{}, '/orgs/acme/events'],
    [{ type: 'AgentEnrolled' }, '/orgs/acme/events?type=AgentEnrolled'],
    [{ agentId: 'agt_1' }, '/orgs/acme/events?agentId=agt_1'],
    [{ type: 'AgentEnrolled', agentId: 'agt_1' }, '/orgs/acme/events?type=AgentEnrolled&agentId=agt_1'],
    [{ type: undefined, agentId: undefined }, '/orgs/acme/events'],
    [{ type: 'a&b=c' }, '/orgs/acme/events?type=a%26b%3Dc'],
  ])('repro-lost-filter: keeps all of the filter %j', (filter, path) => {
    expect(eventsPath('acme', filter)).toBe(path);
  });
});
