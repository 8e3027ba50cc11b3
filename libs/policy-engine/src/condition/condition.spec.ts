import { Environment } from '@marcbachmann/cel-js';
import fc from 'fast-check';
import type { AccessRequest } from '../request.js';
import { expression, request } from '../testing/arbitraries.js';
import { Circumstances, compile } from './compile.js';
import type { Expression } from './expression.js';
import { contains, readAddress, readNetwork } from './network.js';
import { checkCondition, parseCondition } from './parse.js';
import { printCondition } from './print.js';

const base: AccessRequest = {
  principal: 'app:billing',
  groups: ['ops'],
  action: 'read',
  path: 'team/app/db',
  method: 'api-key',
  secondFactor: false,
  client: 'curl/8.1',
  reason: null,
  address: '10.1.2.3',
  tags: { env: 'prod' },
  at: Date.parse('2026-03-29T00:59:00Z'),
};
const holds = (text: string, changed: Partial<AccessRequest> = {}) =>
  compile(parseCondition(text))(new Circumstances({ ...base, ...changed }));

describe('a condition', () => {
  it.each([
    ['principal == "app:billing" && "ops" in groups', true],
    ['tags.env in ["dev", "prod"]', true],
    ['tags["env"] != "prod"', false],
    ['tags.tier == "gold"', undefined],
    ['tags.tier == "gold" || secondFactor == false', true],
    ['has(tags.tier) && tags.tier == "gold"', false],
    ['"env" in tags && !("tier" in tags)', true],
    ['address.inNetwork("10.0.0.0/8")', true],
    ['address.inNetwork("2001:db8::/32")', false],
    ['reason == ""', true],
    ['client.startsWith("curl/")', true],
    ['path.endsWith("/db") && !path.contains("tmp")', true],
    ['time < timestamp("2026-03-29T01:00:00Z")', true],
    ['timestamp("2026-03-29T01:00:00Z") < time', false],
  ])('%s is %s', (text, expected) => {
    expect(holds(text)).toBe(expected);
  });

  it('knows the wall clock of a zone on the night it is put forward', () => {
    const night = 'time.timeOfDay("Europe/Zurich") >= "03:00" && time.getDayOfWeek("Europe/Zurich") == 0';
    expect(holds(night)).toBe(false);
    expect(holds(night, { at: Date.parse('2026-03-29T01:00:00Z') })).toBe(true);
    expect(holds('time.getHours("Europe/Zurich") == 1')).toBe(true);
    expect(holds('time.getHours("Asia/Kathmandu") in [6, 7]')).toBe(true);
    expect(holds('time.getHours() <= 23')).toBe(true);
  });

  it.each([
    ['principal ==', 'syntax', 1, 13],
    ['secondFactor &&\n  princpal == "x"', 'unknown-name', 2, 3],
    ['principal == 3', 'type', 1, 1],
    ['principal', 'type', 1, 1],
    ['principal.matches("(a+)+$")', 'unsupported', 1, 1],
    ['groups.exists(g, g == "x")', 'unsupported', 1, 1],
    ['1 + 1 == 2', 'unsupported', 1, 1],
    ['principal == client', 'unsupported', 1, 14],
    ['secondFactor ? true : false', 'unsupported', 1, 1],
    ['address.inNetwork("10.0.0.1/8")', 'value', 1, 19],
    ['time.getHours("Europe/Zürich") > 3', 'value', 1, 15],
    ['time.timeOfDay("UTC") > "8:30"', 'value', 1, 25],
    ['time.getDayOfWeek("UTC") == 7', 'value', 1, 29],
    ['time > timestamp("yesterday")', 'value', 1, 18],
    ['tags.env in []', 'value', 1, 13],
    [`${'('.repeat(100)}true${')'.repeat(100)}`, 'too-complex', 1, 33],
    [Array(400).fill('secondFactor').join(' && '), 'too-complex', 1, 1],
    [`principal in [${Array(201).fill('"a"').join(',')}]`, 'too-complex', 1, 14],
  ])('%s is refused where it is wrong', (text, code, line, column) => {
    expect(checkCondition(text)).toMatchObject({ code, line, ...(code !== 'too-complex' && { column }) });
  });

  it('names the nearest known name', () => {
    expect(checkCondition('princpal == "x"')?.message).toContain('did you mean principal?');
    expect(checkCondition('adress.inNetwork("10.0.0.0/8")')?.message).toContain('did you mean address?');
    expect(checkCondition('address.inNetwrok("10.0.0.0/8")')?.message).toContain('did you mean inNetwork?');
    expect(checkCondition('somethingElse == 1')?.message).toContain('known are principal');
  });

  it('printed and read again is the same', () => {
    fc.assert(
      fc.property(expression, (one) => {
        expect(parseCondition(printCondition(one))).toEqual(one);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is worked out as a CEL interpreter works it out', () => {
    fc.assert(
      fc.property(expression, request, (one, asked) => {
        expect(compile(one)(new Circumstances(asked))).toBe(asCel(one, asked));
      }),
      { numRuns: 2_000 },
    );
  });

  it('decides nothing by what is not known, and never contradicts what it says once that is known', () => {
    fc.assert(
      fc.property(expression, request, (one, asked) => {
        const condition = compile(one);
        const blind = condition(
          new Circumstances(asked, new Set(['at', 'address', 'tags', 'reason', 'client'])),
        );
        if (blind !== undefined) expect(condition(new Circumstances(asked))).toBe(blind);
      }),
      { numRuns: 2_000 },
    );
  });
});

class Address {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const cel = new Environment();
cel.registerType('Address', Address);
for (const name of ['principal', 'method', 'action', 'path', 'client', 'reason'])
  cel.registerVariable(name, 'string');
cel.registerVariable('groups', 'list<string>');
cel.registerVariable('tags', 'map<string, string>');
cel.registerVariable('secondFactor', 'bool');
cel.registerVariable('address', 'Address');
cel.registerVariable('time', 'google.protobuf.Timestamp');
cel.registerFunction('Address.inNetwork(string): bool', (address: Address, cidr: string) => {
  const [network, value] = [readNetwork(cidr), readAddress(address.text)];
  // An error, as reading a missing tag is one.
  if (!network || !value) throw new Error('nothing known');
  return contains(network, value);
});
cel.registerFunction('google.protobuf.Timestamp.timeOfDay(string): string', (at: Date, zone: string) =>
  at.toLocaleTimeString('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
);

/** What the CEL library says of the printed text; an error of it is our "not known". */
function asCel(one: Expression, asked: AccessRequest): boolean | undefined {
  const { at, address, ...rest } = asked;
  try {
    return cel.evaluate(printCondition(one), {
      ...rest,
      path: asked.path ?? '',
      client: asked.client ?? '',
      reason: asked.reason ?? '',
      address: new Address(address ?? ''),
      time: new Date(at),
    }) as boolean;
  } catch {
    return undefined;
  }
}
