import { RESPONDER_OPTIONS, type ResponderOptions } from '@keyfleet/command-handling';
import { askAccess, checkPolicy, replayPolicy } from '@keyfleet/contracts/messages';
import { type CommandResponder, handleCommand } from '@keyfleet/messaging';
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { PolicyAnalysis } from './policy-analysis.js';

@Controller()
export class PolicyAnalysisNats {
  readonly #check: CommandResponder;
  readonly #whoCan: CommandResponder;
  readonly #replay: CommandResponder;

  constructor(
    @Inject(PolicyAnalysis) analysis: PolicyAnalysis,
    @Inject(RESPONDER_OPTIONS) options: ResponderOptions,
  ) {
    this.#check = handleCommand(checkPolicy, (data, meta) => analysis.check(data, meta), options);
    this.#whoCan = handleCommand(askAccess, (data, meta) => analysis.whoCan(data, meta), options);
    this.#replay = handleCommand(replayPolicy, (data, meta) => analysis.replay(data, meta), options);
  }

  @MessagePattern(checkPolicy.subject)
  check(@Payload() message: unknown) {
    return this.#check(message);
  }

  @MessagePattern(askAccess.subject)
  whoCan(@Payload() message: unknown) {
    return this.#whoCan(message);
  }

  @MessagePattern(replayPolicy.subject)
  replay(@Payload() message: unknown) {
    return this.#replay(message);
  }
}
