import { type HandlerParts, load } from '@keyfleet/command-handling';
import { checkSelector, type PolicyTarget } from '@keyfleet/contracts';
import { KeyfleetError } from '@keyfleet/kernel';
import { agentStream, group, groupStream } from '@keyfleet/registry/domain';

/** Throws `request.invalid` where the selector cannot be read or what it names is not of this organisation. */
export async function checkTarget(
  store: HandlerParts['store'],
  orgId: string,
  target: PolicyTarget,
): Promise<void> {
  switch (target.kind) {
    case 'organisation':
      return;
    case 'selector':
      return checkSelector(target.selector, '/target/selector');
    case 'group': {
      const found = await load(store, group, groupStream(target.groupId));
      if (found.orgId !== orgId || found.state.status !== 'defined')
        throw invalid('/target/groupId', 'There is no such group.');
      return;
    }
    case 'agent': {
      const [first] = await store.readStream(agentStream(target.agentId), { limit: 1 });
      if (first?.metadata.orgId !== orgId) throw invalid('/target/agentId', 'There is no such agent.');
      return;
    }
    default:
      return target satisfies never;
  }
}

function invalid(pointer: string, message: string): KeyfleetError {
  return new KeyfleetError('request.invalid', { errors: [{ pointer, message }] });
}
