import {
  Access,
  type HandlerParts,
  RESPONDER_OPTIONS,
  type ResponderOptions,
  translateFailure,
} from '@keyfleet/command-handling';
import { memberDirectory } from '@keyfleet/identity/read-model';
import type { Sql } from '@keyfleet/postgres';
import { type DynamicModule, Module } from '@nestjs/common';
import { Analyser, type AnalyserOptions } from './analysis/analyser.js';
import { DocumentReader } from './analysis/document-reader.js';
import { storedPolicies } from './analysis/policies-in-force.js';
import { PolicyAnalysis } from './analysis/policy-analysis.js';
import { PolicyAnalysisNats } from './analysis/policy-analysis.nats.js';
import { storedRequestClasses } from './analysis/request-classes.js';
import { PoliciesNats, PolicyScopesNats } from './commands/policies.nats.js';
import { PolicyCommands } from './commands/policy-commands.js';
import { ClaimedPolicyNames } from './commands/policy-names.js';

/** What the commands of this service stand on. */
export interface PolicyParts extends HandlerParts {
  /** As `kf_worker`. */
  readonly sql: Sql;
  readonly onError: ResponderOptions['onError'];
  readonly onHandled?: ResponderOptions['onHandled'];
  /** Of the threads that look at policies. */
  readonly execArgv?: AnalyserOptions['execArgv'];
}

/** Whoever saves a policy waits five seconds for an answer, and thirty for one about it. */
const READING = { waiting: 16, deadlineMs: 4_000 };
const ANALYSIS = { waiting: 8, deadlineMs: 20_000 };
const REPLAY = { waiting: 0, deadlineMs: 28_000 };

@Module({})
export class PolicyModule {
  static with(parts: PolicyParts): DynamicModule {
    const { sql, clock, store, execArgv } = parts;
    const directory = memberDirectory(sql, clock);
    const access = new Access(directory);
    // What is read before it is saved does not wait for what is looked at more closely.
    const reading = new Analyser({ ...READING, execArgv });
    const analyser = new Analyser({ ...ANALYSIS, execArgv });
    const replays = new Analyser({ ...REPLAY, execArgv });
    const policies = new PolicyCommands({
      ...{ store, clock, access, tokensOf: directory.tokensOf },
      names: new ClaimedPolicyNames({ sql, store }),
      reader: new DocumentReader(reading),
    });
    const analysis = new PolicyAnalysis({
      ...{ store, clock, access, analyser, replays },
      policies: storedPolicies(sql),
      classes: storedRequestClasses(sql),
    });
    const threads = [reading, analyser, replays];
    for (const thread of [reading, analyser]) thread.start();
    return {
      module: PolicyModule,
      controllers: [PoliciesNats, PolicyScopesNats, PolicyAnalysisNats],
      providers: [
        {
          provide: RESPONDER_OPTIONS,
          useValue: { onError: parts.onError, onHandled: parts.onHandled, translate: translateFailure },
        },
        { provide: PolicyCommands, useValue: policies },
        { provide: PolicyAnalysis, useValue: analysis },
        {
          provide: 'threads',
          useValue: { onModuleDestroy: () => Promise.all(threads.map((thread) => thread.close())) },
        },
      ],
    };
  }
}
