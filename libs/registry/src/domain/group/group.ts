import type { EventOf, GroupDefined, GroupRemoved } from '@keyfleet/contracts/events';

export type GroupEvent = EventOf<typeof GroupDefined | typeof GroupRemoved>;

/** A named label selector, with how long its agents may be silent (`null`: as long as any). */
export type Group =
  | { readonly status: 'unknown' }
  | {
      readonly status: 'defined';
      readonly groupId: string;
      readonly name: string;
      readonly selector: string;
      readonly offlineAfterSeconds: number | null;
    }
  | { readonly status: 'removed'; readonly groupId: string };

export const initialState: Group = { status: 'unknown' };

export function groupStream(groupId: string): string {
  return `group-${groupId}`;
}

export function evolve(state: Group, event: GroupEvent): Group {
  switch (event.type) {
    case 'GroupDefined':
      return { status: 'defined', ...event.data };
    case 'GroupRemoved':
      return { status: 'removed', groupId: event.data.groupId };
    default:
      return state;
  }
}
