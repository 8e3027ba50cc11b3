import { RESPONDER_OPTIONS, type ResponderOptions } from '@keyfleet/command-handling';
import {
  allAgents,
  enrolAgent,
  issueEnrolmentToken,
  renewAgent,
  revokeEnrolmentToken,
} from '@keyfleet/contracts/messages';
import { type AgentContext, type CommandResponder, handleCommand } from '@keyfleet/messaging';
import { Controller, Inject } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { Enrolment } from './enrolment.js';
import { Renewal } from './renewal.js';
import { answerRenewal, type RenewReply } from './renewal-answer.js';
import { TokenCommands } from './token-commands.js';

const RENEW_SUBJECT = allAgents('rpc.renew');

@Controller()
export class EnrolmentNats {
  readonly #enrol: CommandResponder;
  readonly #renewSigned: CommandResponder;
  readonly #renewal: Renewal;
  readonly #options: ResponderOptions;

  constructor(
    @Inject(Enrolment) enrolment: Enrolment,
    @Inject(Renewal) renewal: Renewal,
    @Inject(RESPONDER_OPTIONS) options: ResponderOptions,
  ) {
    this.#enrol = handleCommand(enrolAgent, (data, meta) => enrolment.enrol(data, meta), options);
    this.#renewSigned = handleCommand(renewAgent, (data, meta) => renewal.renewSigned(data, meta), options);
    this.#renewal = renewal;
    this.#options = options;
  }

  @MessagePattern(enrolAgent.subject)
  enrol(@Payload() message: unknown) {
    return this.#enrol(message);
  }

  @MessagePattern(renewAgent.subject)
  renewSigned(@Payload() message: unknown) {
    return this.#renewSigned(message);
  }

  @MessagePattern(RENEW_SUBJECT)
  renewConnected(@Payload() data: Uint8Array, @Ctx() { caller }: AgentContext): Promise<RenewReply> {
    return answerRenewal(this.#renewal, { caller, data }, (error) =>
      this.#options.onError(error, RENEW_SUBJECT),
    );
  }
}

@Controller()
export class EnrolmentTokensNats {
  readonly #issue: CommandResponder;
  readonly #revoke: CommandResponder;

  constructor(
    @Inject(TokenCommands) tokens: TokenCommands,
    @Inject(RESPONDER_OPTIONS) options: ResponderOptions,
  ) {
    this.#issue = handleCommand(issueEnrolmentToken, (data, meta) => tokens.issue(data, meta), options);
    this.#revoke = handleCommand(revokeEnrolmentToken, (data, meta) => tokens.revoke(data, meta), options);
  }

  @MessagePattern(issueEnrolmentToken.subject)
  issue(@Payload() message: unknown) {
    return this.#issue(message);
  }

  @MessagePattern(revokeEnrolmentToken.subject)
  revoke(@Payload() message: unknown) {
    return this.#revoke(message);
  }
}
