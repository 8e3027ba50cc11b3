import { RESPONDER_OPTIONS, type ResponderOptions } from '@keyfleet/command-handling';
import { signTexts } from '@keyfleet/contracts/messages';
import { type CommandResponder, handleCommand } from '@keyfleet/messaging';
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { Signatures } from './signatures.js';

@Controller()
export class AuthorityNats {
  readonly #sign: CommandResponder;

  constructor(
    @Inject(Signatures) signatures: Signatures,
    @Inject(RESPONDER_OPTIONS) options: ResponderOptions,
  ) {
    this.#sign = handleCommand(signTexts, (data) => signatures.sign(data), options);
  }

  @MessagePattern(signTexts.subject)
  sign(@Payload() message: unknown) {
    return this.#sign(message);
  }
}
