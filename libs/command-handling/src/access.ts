import type { Permission } from '@keyfleet/contracts';
import type { CommandMeta } from '@keyfleet/contracts/messages';
import { isId, KeyfleetError } from '@keyfleet/kernel';

/** What this service knows of who may do what; asked anew for each command. */
export interface AccessDirectory {
  /** `null` where the user is not active, or no member, or the organisation is not active. */
  permissionsOf(userId: string, orgId: string): Promise<readonly Permission[] | null>;
  /** `null` where the token is unknown, revoked, expired or of another organisation. */
  permissionsOfToken(tokenId: string, orgId: string): Promise<readonly Permission[] | null>;
}

export interface Grant {
  readonly orgId: string;
  readonly permissions: ReadonlySet<Permission>;
}

/** The second check of every command: the gateway looked too, but the service that decides does not take its word. */
export class Access {
  readonly #directory: AccessDirectory;

  constructor(directory: AccessDirectory) {
    this.#directory = directory;
  }

  /** Throws `resource.not-found` to who does not belong to the organisation, `auth.forbidden` to who may do less. */
  async require(meta: Pick<CommandMeta, 'actor' | 'orgId'>, permission: Permission): Promise<Grant> {
    const { actor, orgId } = meta;
    if (orgId === null) throw new KeyfleetError('resource.not-found');
    const found = await this.#permissions(actor, orgId);
    if (found === null) throw new KeyfleetError('resource.not-found');
    const permissions = new Set(found);
    if (!permissions.has(permission)) throw new KeyfleetError('auth.forbidden');
    return { orgId, permissions };
  }

  async #permissions(actor: string, orgId: string): Promise<readonly Permission[] | null> {
    if (isId('usr', actor)) return this.#directory.permissionsOf(actor, orgId);
    if (isId('tok', actor)) return this.#directory.permissionsOfToken(actor, orgId);
    return null;
  }
}
