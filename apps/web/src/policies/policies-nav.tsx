import { Anchor, Group } from '@mantine/core';
import { Link } from '@tanstack/react-router';

/** Between the pages about policies. */
export function PoliciesNav({ org }: { readonly org: string }) {
  return (
    <Group component="nav" aria-label="Policies" gap="md">
      <Anchor component={Link} to={`/orgs/${org}/policies`} size="sm">
        All policies
      </Anchor>
      <Anchor component={Link} to={`/orgs/${org}/policies/agents`} size="sm">
        What agents run
      </Anchor>
      <Anchor component={Link} to={`/orgs/${org}/policies/who-can`} size="sm">
        Who can do what
      </Anchor>
    </Group>
  );
}
