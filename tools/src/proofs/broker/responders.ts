import 'reflect-metadata';
import { allAgents } from '@keyfleet/contracts/messages';
import { type BrokerOptions, GuardedNatsServer, type OnDropped, type Service } from '@keyfleet/messaging';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, type MicroserviceOptions, Payload } from '@nestjs/microservices';

/** Answers everything with itself: a forged request that were answered would be recognised anywhere. */
const echo = (data: Uint8Array) => ({ echo: Buffer.from(data).toString('utf8') });

@Controller()
class RegistryResponder {
  @EventPattern(allAgents('hb'))
  beat(@Payload() _data: unknown): void {}

  @MessagePattern(allAgents('ev'))
  journal(@Payload() data: Uint8Array) {
    return echo(data);
  }

  @MessagePattern(allAgents('rpc.sync'))
  sync(@Payload() data: Uint8Array) {
    return echo(data);
  }

  @MessagePattern(allAgents('rpc.renew'))
  renew(@Payload() data: Uint8Array) {
    return echo(data);
  }
}

@Controller()
class PolicyResponder {
  @MessagePattern(allAgents('rpc.policy'))
  policy(@Payload() data: Uint8Array) {
    return echo(data);
  }
}

@Module({ controllers: [RegistryResponder] })
class RegistryModule {}

@Module({ controllers: [PolicyResponder] })
class PolicyModule {}

const MODULES = { registry: RegistryModule, policy: PolicyModule } as const;

/** The services' own transport, with handlers that give every caller what they sent. */
export async function startResponder(
  service: Extract<Service, keyof typeof MODULES>,
  broker: BrokerOptions,
  onDropped: OnDropped,
): Promise<() => Promise<void>> {
  const strategy = new GuardedNatsServer({ service, broker, onDropped, gracePeriodMs: 10 });
  const options: MicroserviceOptions = { strategy };
  const app = await NestFactory.createMicroservice(MODULES[service], { ...options, logger: false });
  await app.listen();
  return () => app.close();
}
