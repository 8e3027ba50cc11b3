import {
  type HandlerParts,
  RESPONDER_OPTIONS,
  type ResponderOptions,
  translateFailure,
} from '@keyfleet/command-handling';
import type { EventStore } from '@keyfleet/event-store';
import { type DynamicModule, Module } from '@nestjs/common';
import { PastAgents } from './agents/agent-as-of.js';
import { AgentCommands } from './agents/agent-commands.js';
import { AgentsNats } from './agents/agents.nats.js';
import type { Authority } from './authority/authority.js';
import { AuthorityNats } from './authority/authority.nats.js';
import { Signatures } from './authority/signatures.js';
import type { AgentAuthority } from './enrolment/agent-authority.js';
import { Enrolment } from './enrolment/enrolment.js';
import { EnrolmentNats, EnrolmentTokensNats } from './enrolment/enrolment.nats.js';
import type { EnrolmentSecrets } from './enrolment/enrolment-secrets.js';
import { Readoption } from './enrolment/readoption.js';
import { Renewal } from './enrolment/renewal.js';
import type { RenewalNonces } from './enrolment/renewal-nonces.js';
import { TokenCommands } from './enrolment/token-commands.js';
import { GroupCommands } from './groups/group-commands.js';
import { GroupsNats } from './groups/groups.nats.js';
import { ApiTokenCommands } from './identity/api-token-commands.js';
import type { Identity } from './identity/identity.js';
import { ApiTokensNats, MembersNats, SessionsNats } from './identity/identity.nats.js';
import { OrganisationCommands } from './identity/organisation-commands.js';
import { SignInCommands } from './identity/sign-in-commands.js';
import { UserCommands } from './identity/user-commands.js';

/** What the commands of this service stand on. */
export interface RegistryParts extends HandlerParts {
  readonly identity: Identity;
  readonly authority: AgentAuthority & Pick<Authority, 'sign' | 'commandKeys'>;
  readonly secrets: EnrolmentSecrets;
  readonly nonces: RenewalNonces;
  readonly store: EventStore;
  /** Whose restores count when an unknown agent returns. */
  readonly installationId: string;
  readonly reconnectWindowMs: () => number | Promise<number>;
  /** Enrolments, and renewals, at once in this process. */
  readonly concurrency: number;
  readonly onError: ResponderOptions['onError'];
  readonly onHandled?: ResponderOptions['onHandled'];
}

@Module({})
export class RegistryModule {
  static with(parts: RegistryParts): DynamicModule {
    const { identity } = parts;
    const withAccess = {
      ...parts,
      access: identity.access,
      expiryOf: (actor: string) => identity.directory.expiryOf(actor),
    };
    const enrolling = {
      ...withAccess,
      isActive: (orgId: string) => identity.directory.isActive(orgId),
    };
    return {
      module: RegistryModule,
      controllers: [
        SessionsNats,
        MembersNats,
        ApiTokensNats,
        EnrolmentNats,
        EnrolmentTokensNats,
        AgentsNats,
        GroupsNats,
        AuthorityNats,
      ],
      providers: [
        {
          provide: RESPONDER_OPTIONS,
          useValue: { onError: parts.onError, onHandled: parts.onHandled, translate: translateFailure },
        },
        { provide: SignInCommands, useValue: identity.signIn },
        { provide: OrganisationCommands, useValue: identity.organisations },
        { provide: UserCommands, useValue: identity.users },
        { provide: ApiTokenCommands, useValue: identity.apiTokens },
        { provide: Enrolment, useFactory: () => new Enrolment(enrolling) },
        {
          provide: Renewal,
          useFactory: () => new Renewal({ ...parts, readoption: new Readoption(enrolling) }),
        },
        { provide: TokenCommands, useFactory: () => new TokenCommands(withAccess) },
        { provide: AgentCommands, useFactory: () => new AgentCommands(withAccess) },
        { provide: PastAgents, useFactory: () => new PastAgents(withAccess) },
        { provide: GroupCommands, useFactory: () => new GroupCommands(withAccess) },
        { provide: Signatures, useFactory: () => new Signatures(parts.authority) },
      ],
    };
  }
}
