import { type Decider, KeyfleetError } from '@keyfleet/kernel';
import { evolve, type Group, type GroupEvent, initialState } from './group.js';

/** A new group, or other terms for one that exists; its selector was parsed by the handler. */
export interface DefineGroup {
  readonly type: 'DefineGroup';
  readonly groupId: string;
  readonly name: string;
  readonly selector: string;
  readonly offlineAfterSeconds: number | null;
  /** True where the caller named a group that must exist. */
  readonly existing: boolean;
}

export interface RemoveGroup {
  readonly type: 'RemoveGroup';
}

export type GroupCommand = DefineGroup | RemoveGroup;

function define({ type: _, existing, ...terms }: DefineGroup, state: Group): readonly GroupEvent[] {
  if (existing !== (state.status === 'defined'))
    throw new KeyfleetError(existing ? 'resource.not-found' : 'resource.exists');
  if (state.status === 'defined' && sameTerms(state, terms)) return [];
  return [{ type: 'GroupDefined', v: 1, data: terms }];
}

type Terms = Omit<DefineGroup, 'type' | 'existing'>;

function sameTerms(a: Terms, b: Terms): boolean {
  return a.name === b.name && a.selector === b.selector && a.offlineAfterSeconds === b.offlineAfterSeconds;
}

function remove(state: Group): readonly GroupEvent[] {
  if (state.status !== 'defined') throw new KeyfleetError('resource.not-found');
  return [{ type: 'GroupRemoved', v: 1, data: { groupId: state.groupId } }];
}

function decide(command: GroupCommand, state: Group): readonly GroupEvent[] {
  switch (command.type) {
    case 'DefineGroup':
      return define(command, state);
    case 'RemoveGroup':
      return remove(state);
    default:
      return command satisfies never;
  }
}

export const group: Decider<Group, GroupCommand, GroupEvent> = { initialState, evolve, decide };
