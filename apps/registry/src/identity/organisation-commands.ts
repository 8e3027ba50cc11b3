import { answer, type HandlerParts, handle, replayOf } from '@keyfleet/command-handling';
import type { CommandMeta, createOrganisation } from '@keyfleet/contracts/messages';
import { organisation, organisationStream } from '@keyfleet/identity/domain';
import { isId, KeyfleetError } from '@keyfleet/kernel';
import type { CommandAnswer } from '@keyfleet/messaging';
import { deriveId } from '@keyfleet/platform';
import type { z } from 'zod';
import type { Directory } from './directory.js';

export interface OrganisationParts extends HandlerParts {
  readonly directory: Pick<Directory, 'apply' | 'claimSlug' | 'organisationsOf' | 'permissionsOf'>;
}

type Request = z.output<typeof createOrganisation.request>;
type Answer = CommandAnswer<z.input<typeof createOrganisation.reply>>;

export class OrganisationCommands {
  readonly #parts: OrganisationParts;

  constructor(parts: OrganisationParts) {
    this.#parts = parts;
  }

  /** Who may change one organisation may found another, and owns it. */
  async create(request: Request, meta: CommandMeta): Promise<Answer> {
    await this.#requireFounder(meta.actor);
    return this.found(request, meta);
  }

  /** Without asking whether the actor may: for `create`, and for the first organisations of an installation. */
  async found({ slug, name }: Request, meta: CommandMeta): Promise<Answer> {
    const derived = deriveId('org', meta.commandId);
    replayOf(await this.#parts.store.readStream(organisationStream(derived)), meta);
    // Where whoever claimed it first died before founding anything, their id is as good as ours.
    const orgId = await this.#parts.directory.claimSlug(slug, derived);
    const handled = await handle(this.#parts, {
      decider: organisation,
      stream: organisationStream(orgId),
      command: { type: 'CreateOrganisation', orgId, slug, name, ownerId: meta.actor },
      orgId,
      meta,
    });
    await this.#parts.directory.apply(handled.events);
    return answer({ id: orgId, slug, name }, handled);
  }

  async #requireFounder(actor: string): Promise<void> {
    const { directory } = this.#parts;
    if (isId('usr', actor)) {
      for (const orgId of await directory.organisationsOf(actor))
        if ((await directory.permissionsOf(actor, orgId))?.includes('org:write')) return;
    }
    throw new KeyfleetError('auth.forbidden');
  }
}
