import { RESPONDER_OPTIONS, type ResponderOptions } from '@keyfleet/command-handling';
import { agentAsOf, labelAgent, revokeAgent } from '@keyfleet/contracts/messages';
import { type CommandResponder, handleCommand } from '@keyfleet/messaging';
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { PastAgents } from './agent-as-of.js';
import { AgentCommands } from './agent-commands.js';

@Controller()
export class AgentsNats {
  readonly #label: CommandResponder;
  readonly #revoke: CommandResponder;
  readonly #asOf: CommandResponder;

  constructor(
    @Inject(AgentCommands) agents: AgentCommands,
    @Inject(PastAgents) past: PastAgents,
    @Inject(RESPONDER_OPTIONS) options: ResponderOptions,
  ) {
    this.#label = handleCommand(labelAgent, (data, meta) => agents.label(data, meta), options);
    this.#revoke = handleCommand(revokeAgent, (data, meta) => agents.revoke(data, meta), options);
    this.#asOf = handleCommand(agentAsOf, (data, meta) => past.asOf(data, meta), options);
  }

  @MessagePattern(labelAgent.subject)
  label(@Payload() message: unknown) {
    return this.#label(message);
  }

  @MessagePattern(revokeAgent.subject)
  revoke(@Payload() message: unknown) {
    return this.#revoke(message);
  }

  @MessagePattern(agentAsOf.subject)
  asOf(@Payload() message: unknown) {
    return this.#asOf(message);
  }
}
