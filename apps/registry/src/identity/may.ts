import type { Access } from '@keyfleet/command-handling';
import type { Permission } from '@keyfleet/contracts';
import type { CommandMeta } from '@keyfleet/contracts/messages';
import { isKeyfleetError } from '@keyfleet/kernel';

/** Whether somebody may do this there; for questions whose answer is not the caller's refusal. */
export async function may(
  access: Pick<Access, 'require'>,
  who: Pick<CommandMeta, 'actor' | 'orgId'>,
  permission: Permission,
): Promise<boolean> {
  try {
    await access.require(who, permission);
    return true;
  } catch (error) {
    if (isKeyfleetError(error, 'auth.forbidden') || isKeyfleetError(error, 'resource.not-found'))
      return false;
    throw error;
  }
}
