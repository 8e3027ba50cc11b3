import { effectsOf, type Notice } from './notices';

const notice = (...readModels: string[]): Notice => ({ reset: false, readModels, agents: [] });
const reset = (...readModels: string[]): Notice => ({ reset: true, readModels, agents: [] });
const named = ({ reset, readModels, agents }: Notice) => {
  const { renew, outdate } = effectsOf('acme', { reset, readModels, agents });
  return { renew: renew.map(String), outdate: outdate.map(String) };
};

const POLICIES = [
  'policies,acme,list',
  'policies,acme,one',
  'policies,acme,versions',
  'policies,acme,agents',
];
const FLEET = ['agents,acme', 'agent,acme'];
const STANDING = ['policies,acme,agents'];
const QUESTIONS = ['policy-questions,acme'];

describe('what a live notice renews', () => {
  it.each<[string, Notice, string[], string[]]>([
    ['nothing, of nothing', notice(), [], []],
    ['the standing of agents, of what they report', notice('policy.agent-reports'), STANDING, []],
    ['the standing of agents, of what they should have', notice('policy.desired'), STANDING, []],
    ['nothing, of requests that only a replay reads', notice('policy.request-classes'), [], []],
    [
      'all that is cheap, of policies, and calls answers outdated',
      notice('policy.policies'),
      POLICIES,
      QUESTIONS,
    ],
    ['the timeline, of its events', notice('analytics.events'), ['events,acme'], []],
    ['nothing, of what no page shows', notice('registry.groups', 'analytics.agent-history'), [], []],
    ['everything, of a feed that begins', reset('*'), [...FLEET, 'events,acme', ...POLICIES], QUESTIONS],
    ['the fleet, of too many agents at once', reset('registry.agents'), [...FLEET, ...STANDING], []],
    ['what was built anew, of a rebuild', reset('policy.agent-reports'), STANDING, []],
  ])('repro-notices: is %s', (_, given, renew, outdate) => {
    expect(named(given)).toEqual({ renew, outdate });
  });

  it('is the lists of agents where one of them changed', () => {
    expect(named({ ...notice('registry.agents'), agents: [{}] })).toEqual({
      renew: ['agents,acme'],
      outdate: [],
    });
  });

  it('repro-notices: is no question and no page of versions while a push reaches agents', () => {
    const push = named({
      ...notice('policy.desired', 'policy.agent-reports', 'registry.agents'),
      agents: [{}],
    });
    expect(push).toEqual({ renew: ['agents,acme', ...STANDING], outdate: [] });
  });
});
