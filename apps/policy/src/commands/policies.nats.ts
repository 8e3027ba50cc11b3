import { RESPONDER_OPTIONS, type ResponderOptions } from '@keyfleet/command-handling';
import {
  assignPolicy,
  controlRollout,
  discardDraft,
  draftPolicy,
  publishPolicy,
  requestReview,
  retirePolicy,
  reviewPolicy,
  unassignPolicy,
} from '@keyfleet/contracts/messages';
import { type CommandResponder, handleCommand } from '@keyfleet/messaging';
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { PolicyCommands } from './policy-commands.js';

/** What is written and decided. */
@Controller()
export class PoliciesNats {
  readonly #draft: CommandResponder;
  readonly #discard: CommandResponder;
  readonly #request: CommandResponder;
  readonly #review: CommandResponder;
  readonly #publish: CommandResponder;

  constructor(
    @Inject(PolicyCommands) policies: PolicyCommands,
    @Inject(RESPONDER_OPTIONS) options: ResponderOptions,
  ) {
    this.#draft = handleCommand(draftPolicy, (data, meta) => policies.draft(data, meta), options);
    this.#discard = handleCommand(discardDraft, (data, meta) => policies.discardDraft(data, meta), options);
    this.#request = handleCommand(requestReview, (data, meta) => policies.requestReview(data, meta), options);
    this.#review = handleCommand(reviewPolicy, (data, meta) => policies.review(data, meta), options);
    this.#publish = handleCommand(publishPolicy, (data, meta) => policies.publish(data, meta), options);
  }

  @MessagePattern(draftPolicy.subject)
  draft(@Payload() message: unknown) {
    return this.#draft(message);
  }

  @MessagePattern(discardDraft.subject)
  discard(@Payload() message: unknown) {
    return this.#discard(message);
  }

  @MessagePattern(requestReview.subject)
  requestReview(@Payload() message: unknown) {
    return this.#request(message);
  }

  @MessagePattern(reviewPolicy.subject)
  review(@Payload() message: unknown) {
    return this.#review(message);
  }

  @MessagePattern(publishPolicy.subject)
  publish(@Payload() message: unknown) {
    return this.#publish(message);
  }
}

/** Where what was published holds. */
@Controller()
export class PolicyScopesNats {
  readonly #retire: CommandResponder;
  readonly #assign: CommandResponder;
  readonly #unassign: CommandResponder;
  readonly #control: CommandResponder;

  constructor(
    @Inject(PolicyCommands) policies: PolicyCommands,
    @Inject(RESPONDER_OPTIONS) options: ResponderOptions,
  ) {
    this.#retire = handleCommand(retirePolicy, (data, meta) => policies.retire(data, meta), options);
    this.#assign = handleCommand(assignPolicy, (data, meta) => policies.assign(data, meta), options);
    this.#unassign = handleCommand(unassignPolicy, (data, meta) => policies.unassign(data, meta), options);
    this.#control = handleCommand(
      controlRollout,
      (data, meta) => policies.controlRollout(data, meta),
      options,
    );
  }

  @MessagePattern(retirePolicy.subject)
  retire(@Payload() message: unknown) {
    return this.#retire(message);
  }

  @MessagePattern(assignPolicy.subject)
  assign(@Payload() message: unknown) {
    return this.#assign(message);
  }

  @MessagePattern(unassignPolicy.subject)
  unassign(@Payload() message: unknown) {
    return this.#unassign(message);
  }

  @MessagePattern(controlRollout.subject)
  control(@Payload() message: unknown) {
    return this.#control(message);
  }
}
