import { RESPONDER_OPTIONS, type ResponderOptions } from '@keyfleet/command-handling';
import { defineGroup, removeGroup } from '@keyfleet/contracts/messages';
import { type CommandResponder, handleCommand } from '@keyfleet/messaging';
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { GroupCommands } from './group-commands.js';

@Controller()
export class GroupsNats {
  readonly #define: CommandResponder;
  readonly #remove: CommandResponder;

  constructor(
    @Inject(GroupCommands) groups: GroupCommands,
    @Inject(RESPONDER_OPTIONS) options: ResponderOptions,
  ) {
    this.#define = handleCommand(defineGroup, (data, meta) => groups.define(data, meta), options);
    this.#remove = handleCommand(removeGroup, (data, meta) => groups.remove(data, meta), options);
  }

  @MessagePattern(defineGroup.subject)
  define(@Payload() message: unknown) {
    return this.#define(message);
  }

  @MessagePattern(removeGroup.subject)
  remove(@Payload() message: unknown) {
    return this.#remove(message);
  }
}
