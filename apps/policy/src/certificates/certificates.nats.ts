import { RESPONDER_OPTIONS, type ResponderOptions } from '@keyfleet/command-handling';
import { certifyConvergence } from '@keyfleet/contracts/messages';
import { type CommandResponder, handleCommand } from '@keyfleet/messaging';
import { Controller, type DynamicModule, Inject, Module } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { Certificates } from './certificates.js';

@Controller()
export class CertificatesNats {
  readonly #certify: CommandResponder;

  constructor(
    @Inject(Certificates) certificates: Certificates,
    @Inject(RESPONDER_OPTIONS) options: ResponderOptions,
  ) {
    this.#certify = handleCommand(
      certifyConvergence,
      (data, meta) => certificates.certify(data, meta),
      options,
    );
  }

  @MessagePattern(certifyConvergence.subject)
  certify(@Payload() message: unknown) {
    return this.#certify(message);
  }
}

@Module({})
export class CertificatesModule {
  static with(certificates: Certificates, options: ResponderOptions): DynamicModule {
    return {
      module: CertificatesModule,
      controllers: [CertificatesNats],
      providers: [
        { provide: Certificates, useValue: certificates },
        { provide: RESPONDER_OPTIONS, useValue: options },
      ],
    };
  }
}
