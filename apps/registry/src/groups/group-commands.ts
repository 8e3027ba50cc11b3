import { type Access, answer, type HandlerParts, handle } from '@keyfleet/command-handling';
import { checkSelector } from '@keyfleet/contracts';
import type { CommandMeta, defineGroup, removeGroup } from '@keyfleet/contracts/messages';
import type { CommandAnswer } from '@keyfleet/messaging';
import { deriveId } from '@keyfleet/platform';
import { group, groupStream } from '@keyfleet/registry/domain';
import type { z } from 'zod';

/** Groups: named label selectors. */
export class GroupCommands {
  readonly #parts: HandlerParts;
  readonly #access: Access;

  constructor(parts: HandlerParts & { readonly access: Access }) {
    this.#parts = parts;
    this.#access = parts.access;
  }

  async define(
    request: z.output<typeof defineGroup.request>,
    meta: CommandMeta,
  ): Promise<CommandAnswer<z.input<typeof defineGroup.reply>>> {
    const { orgId } = await this.#access.require(meta, 'groups:write');
    checkSelector(request.selector, '/selector');
    const groupId = request.groupId ?? deriveId('grp', meta.commandId);
    const handled = await handle(this.#parts, {
      decider: group,
      stream: groupStream(groupId),
      command: {
        type: 'DefineGroup',
        groupId,
        name: request.name,
        selector: request.selector,
        offlineAfterSeconds: request.offlineAfterSeconds ?? null,
        existing: request.groupId !== undefined,
      },
      orgId,
      meta,
    });
    return answer({ id: groupId, name: request.name }, handled);
  }

  async remove(
    { groupId }: z.output<typeof removeGroup.request>,
    meta: CommandMeta,
  ): Promise<CommandAnswer<z.input<typeof removeGroup.reply>>> {
    const { orgId } = await this.#access.require(meta, 'groups:write');
    const handled = await handle(this.#parts, {
      decider: group,
      stream: groupStream(groupId),
      command: { type: 'RemoveGroup' },
      orgId,
      meta,
    });
    return answer({}, handled);
  }
}
