import { RESPONDER_OPTIONS, type ResponderOptions } from '@keyfleet/command-handling';
import {
  createOrganisation,
  disableUser,
  issueApiToken,
  login,
  logout,
  revokeApiToken,
  touchSession,
} from '@keyfleet/contracts/messages';
import { type CommandResponder, handleCommand } from '@keyfleet/messaging';
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { ApiTokenCommands } from './api-token-commands.js';
import { OrganisationCommands } from './organisation-commands.js';
import { SignInCommands } from './sign-in-commands.js';
import { UserCommands } from './user-commands.js';

@Controller()
export class SessionsNats {
  readonly #login: CommandResponder;
  readonly #logout: CommandResponder;
  readonly #touch: CommandResponder;

  constructor(
    @Inject(SignInCommands) signIn: SignInCommands,
    @Inject(RESPONDER_OPTIONS) options: ResponderOptions,
  ) {
    this.#login = handleCommand(login, (data, meta) => signIn.login(data, meta), options);
    this.#logout = handleCommand(logout, (data, meta) => signIn.logout(data, meta), options);
    this.#touch = handleCommand(touchSession, (data) => signIn.touch(data), options);
  }

  @MessagePattern(login.subject)
  login(@Payload() message: unknown) {
    return this.#login(message);
  }

  @MessagePattern(logout.subject)
  logout(@Payload() message: unknown) {
    return this.#logout(message);
  }

  @MessagePattern(touchSession.subject)
  touch(@Payload() message: unknown) {
    return this.#touch(message);
  }
}

@Controller()
export class MembersNats {
  readonly #found: CommandResponder;
  readonly #disable: CommandResponder;

  constructor(
    @Inject(OrganisationCommands) organisations: OrganisationCommands,
    @Inject(UserCommands) users: UserCommands,
    @Inject(RESPONDER_OPTIONS) options: ResponderOptions,
  ) {
    this.#found = handleCommand(
      createOrganisation,
      (data, meta) => organisations.create(data, meta),
      options,
    );
    this.#disable = handleCommand(disableUser, (data, meta) => users.disable(data, meta), options);
  }

  @MessagePattern(createOrganisation.subject)
  found(@Payload() message: unknown) {
    return this.#found(message);
  }

  @MessagePattern(disableUser.subject)
  disable(@Payload() message: unknown) {
    return this.#disable(message);
  }
}

@Controller()
export class ApiTokensNats {
  readonly #issue: CommandResponder;
  readonly #revoke: CommandResponder;

  constructor(
    @Inject(ApiTokenCommands) tokens: ApiTokenCommands,
    @Inject(RESPONDER_OPTIONS) options: ResponderOptions,
  ) {
    this.#issue = handleCommand(issueApiToken, (data, meta) => tokens.issue(data, meta), options);
    this.#revoke = handleCommand(revokeApiToken, (data, meta) => tokens.revoke(data, meta), options);
  }

  @MessagePattern(issueApiToken.subject)
  issue(@Payload() message: unknown) {
    return this.#issue(message);
  }

  @MessagePattern(revokeApiToken.subject)
  revoke(@Payload() message: unknown) {
    return this.#revoke(message);
  }
}
