import { Badge } from '@mantine/core';
import type { AgentState } from '../api/types';

const LOOK: Readonly<Record<AgentState, { color: string; hint: string }>> = {
  online: { color: 'teal', hint: 'Beating' },
  offline: { color: 'red', hint: 'Silent for longer than its limit while we were able to hear it' },
  unknown: { color: 'gray', hint: 'Not heard yet, or we ourselves cannot hear right now' },
  revoked: { color: 'dark', hint: 'Cut off for good' },
};

export function AgentStateBadge({ state }: { readonly state: AgentState }) {
  return (
    <Badge
      color={LOOK[state].color}
      variant={state === 'online' ? 'light' : 'filled'}
      title={LOOK[state].hint}
      data-state={state}
    >
      {state}
    </Badge>
  );
}
