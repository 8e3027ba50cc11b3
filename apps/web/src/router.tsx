import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  Link,
  lazyRouteComponent,
  Outlet,
  redirect,
} from '@tanstack/react-router';
import { AgentPage } from './agents/agent-page';
import { AgentsPage } from './agents/agents-page';
import { isSignedOut } from './api/problem';
import { sessionQuery } from './api/queries';
import { EventsPage } from './events/events-page';
import { Empty } from './lists/empty';
import { Failure } from './lists/failure';
import { OrgShell } from './shell/org-shell';
import { OrgsPage } from './shell/orgs-page';
import { SignInPage } from './sign-in/sign-in-page';

interface Context {
  readonly queryClient: QueryClient;
}

const root = createRootRouteWithContext<Context>()({
  component: Outlet,
  errorComponent: ({ error }) => <Failure error={error} />,
  notFoundComponent: () => (
    <Empty title="No such page" action={<Link to="/orgs">To the organisations</Link>}>
      There is nothing under this address.
    </Empty>
  ),
});

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/orgs' });
  },
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  component: SignInPage,
  // Only a path of ours may be where signing in leads to.
  validateSearch: (search: Record<string, unknown>): { next?: string } =>
    typeof search['next'] === 'string' && /^\/(?![/\\])/.test(search['next']) ? { next: search['next'] } : {},
});

const orgs = createRoute({
  getParentRoute: () => root,
  path: '/orgs',
  component: Outlet,
  beforeLoad: async ({ context, location }) => {
    try {
      await context.queryClient.ensureQueryData(sessionQuery);
    } catch (error) {
      if (isSignedOut(error)) throw redirect({ to: '/sign-in', search: { next: location.href } });
      throw error;
    }
  },
});

const orgIndex = createRoute({ getParentRoute: () => orgs, path: '/', component: OrgsPage });
const org = createRoute({ getParentRoute: () => orgs, path: '$org', component: OrgShell });

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value.slice(0, 2_000) : undefined;

const agents = createRoute({
  getParentRoute: () => org,
  path: 'agents',
  component: AgentsPage,
  validateSearch: (search: Record<string, unknown>): { filter?: string | undefined } => ({
    filter: text(search['filter']),
  }),
});
const agent = createRoute({ getParentRoute: () => org, path: 'agents/$agent', component: AgentPage });
const events = createRoute({
  getParentRoute: () => org,
  path: 'events',
  component: EventsPage,
  validateSearch: (
    search: Record<string, unknown>,
  ): { type?: string | undefined; agentId?: string | undefined } => ({
    type: text(search['type']),
    agentId: text(search['agentId']),
  }),
});
/** The pages about policies bring the editor and the policy engine: fetched when they are first wanted. */
const policies = createRoute({
  getParentRoute: () => org,
  path: 'policies',
  component: lazyRouteComponent(() => import('./policies/policies-page'), 'PoliciesPage'),
  validateSearch: (search: Record<string, unknown>): { filter?: string | undefined } => ({
    filter: text(search['filter']),
  }),
});
const agentPolicies = createRoute({
  getParentRoute: () => org,
  path: 'policies/agents',
  component: lazyRouteComponent(() => import('./policies/agents/agent-policies-page'), 'AgentPoliciesPage'),
  validateSearch: (
    search: Record<string, unknown>,
  ): { filter?: string | undefined; policy?: string | undefined } => ({
    filter: text(search['filter']),
    policy: text(search['policy']),
  }),
});
interface Question {
  readonly asked?: boolean | undefined;
  readonly principal?: string | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly action?: string | undefined;
  readonly path?: string | undefined;
}
const questionOf = (search: Record<string, unknown>): Question => ({
  asked: search['asked'] === true || undefined,
  principal: text(search['principal']),
  groups: Array.isArray(search['groups']) ? search['groups'].map(String).slice(0, 32) : undefined,
  action: text(search['action']),
  path: text(search['path']),
});
const whoCan = createRoute({
  getParentRoute: () => org,
  path: 'policies/who-can',
  component: lazyRouteComponent(() => import('./policies/access/who-can-page'), 'WhoCanPage'),
  validateSearch: questionOf,
});
const certificate = createRoute({
  getParentRoute: () => org,
  path: 'policies/certificates/$certificate',
  component: lazyRouteComponent(() => import('./policies/certificates/certificate-page'), 'CertificatePage'),
  validateSearch: (search: Record<string, unknown>): { state?: string | undefined } => ({
    state: text(search['state']),
  }),
});
const policy = createRoute({
  getParentRoute: () => org,
  path: 'policies/$policy',
  component: lazyRouteComponent(() => import('./policies/policy-page'), 'PolicyPage'),
  validateSearch: (search: Record<string, unknown>): { tab?: string | undefined } => ({
    tab: text(search['tab']),
  }),
});
const orgHome = createRoute({
  getParentRoute: () => org,
  path: '/',
  beforeLoad: ({ params }) => {
    throw redirect({ to: '/orgs/$org/agents', params: params as { org: string } });
  },
});

const tree = root.addChildren([
  home,
  signIn,
  orgs.addChildren([
    orgIndex,
    org.addChildren([orgHome, agents, agent, events, policies, agentPolicies, whoCan, certificate, policy]),
  ]),
]);

export function createAppRouter(queryClient: QueryClient) {
  return createRouter({ routeTree: tree, context: { queryClient }, defaultPreload: 'intent' });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
