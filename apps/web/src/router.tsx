import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  Link,
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
  orgs.addChildren([orgIndex, org.addChildren([orgHome, agents, agent, events])]),
]);

export function createAppRouter(queryClient: QueryClient) {
  return createRouter({ routeTree: tree, context: { queryClient }, defaultPreload: 'intent' });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
