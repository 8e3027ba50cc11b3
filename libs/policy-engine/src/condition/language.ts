import { Environment } from '@marcbachmann/cel-js';

/** The type of `address`; made by nobody but us. */
class Address {}

/** What conditions may ask about, with the type CEL checks it by. */
export const VARIABLES = {
  principal: 'string',
  groups: 'list<string>',
  method: 'string',
  action: 'string',
  path: 'string',
  client: 'string',
  reason: 'string',
  tags: 'map<string, string>',
  secondFactor: 'bool',
  address: 'Address',
  time: 'google.protobuf.Timestamp',
} as const;

export const LIMITS = {
  maxAstNodes: 500,
  maxDepth: 32,
  maxListElements: 200,
  maxMapEntries: 0,
  maxCallArguments: 4,
};

/** Only ever parses and checks: values are worked out by our own evaluator, so what is registered here never runs. */
const neverRuns = (): never => {
  throw new Error('CEL functions of conditions are checked, never run.');
};

function createLanguage(): Environment {
  const language = new Environment({ limits: LIMITS });
  language.registerType('Address', Address);
  for (const [name, type] of Object.entries(VARIABLES)) language.registerVariable(name, type);
  language.registerFunction('Address.inNetwork(string): bool', neverRuns);
  language.registerFunction('google.protobuf.Timestamp.timeOfDay(): string', neverRuns);
  language.registerFunction('google.protobuf.Timestamp.timeOfDay(string): string', neverRuns);
  return language;
}

/** CEL as conditions speak it: these variables and a few functions besides its own. */
export const language = createLanguage();
