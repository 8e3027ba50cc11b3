import { KeyfleetError } from '@keyfleet/kernel';
import fc from 'fast-check';
import { createLogger, type Logger, toReadableLine } from './logger.js';
import { nestLogger } from './nest-logger.js';

function collect(): { logger: Logger; lines: Record<string, unknown>[]; text: () => string } {
  const written: string[] = [];
  const lines: Record<string, unknown>[] = [];
  const destination = {
    write: (line: string) => {
      written.push(line);
      lines.push(JSON.parse(line) as Record<string, unknown>);
    },
  };
  const logger = createLogger({ service: 'registry', version: '1.2.3', level: 'debug', destination });
  return { logger, lines, text: () => written.join('') };
}

describe('the log', () => {
  it('is one JSON object per line with time, level, message, service and version', () => {
    const { logger, lines } = collect();
    logger.child({ orgId: 'org_1' }).warn({ agentId: 'agt_1' }, 'Something is odd');
    expect(lines).toEqual([
      {
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        level: 'warn',
        msg: 'Something is odd',
        service: 'registry',
        version: '1.2.3',
        orgId: 'org_1',
        agentId: 'agt_1',
      },
    ]);
  });

  it('S18: hides what stands in a forbidden field, at any depth and in a child, but not where it lies', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(
          'password',
          'adminPassword',
          'token',
          'apiKey',
          'Authorization',
          'cookie',
          'value',
          'nkey_seed',
        ),
        fc.array(fc.constantFrom('request', 'headers', 'body', 'inner'), { maxLength: 5 }),
        (name, path) => {
          const { logger, text } = collect();
          const nested = path.reduceRight<object>((inner, key) => ({ [key]: inner }), {
            [name]: 'hunter2-value',
          });
          logger.info(nested, 'nested');
          logger.child(nested as Record<string, unknown>).info('child');
          expect(text()).not.toContain('hunter2');
        },
      ),
    );
    const { logger, lines } = collect();
    logger.info({ passwordFile: '/x', tokenId: 'tok_1', secretCount: 3 }, 'harmless');
    expect(lines[0]).toMatchObject({ passwordFile: '/x', tokenId: 'tok_1', secretCount: 3 });
  });

  it('S18: takes credentials out of texts: URLs, our tokens, key seeds and signed tokens', () => {
    const { logger, text } = collect();
    const seed = `SUA${'B'.repeat(55)}`;
    const jwt = 'eyJhbGciOiJFZDI1NTE5In0.eyJqdGkiOiJYWVoxMjMifQ.c2lnbmF0dXJl';
    logger.error(
      {
        err: new Error(`connect postgres://kf_store:hunter2@db/keyfleet failed`),
        at: `redis://:hunter3@r:1`,
      },
      `token kfe_${'a'.repeat(64)}_${'b'.repeat(43)} seed ${seed} jwt ${jwt}`,
    );
    for (const part of ['hunter2', 'hunter3', 'bbbb', 'BBBB', 'c2lnbmF0dXJl'])
      expect(text()).not.toContain(part);
    expect(text()).toContain('postgres://***@db/keyfleet');
  });

  it('writes of an error its name, message, code, stack and cause, and none of what a driver hangs on it', () => {
    const { logger, lines, text } = collect();
    const cause = Object.assign(new KeyfleetError('store.unavailable'), {
      query: 'insert hunter2',
      parameters: ['hunter2'],
    });
    logger.error({ err: new Error('outer', { cause }) }, 'failed');
    expect(lines[0]?.err).toMatchObject({
      type: 'Error',
      message: 'outer',
      cause: { code: 'store.unavailable' },
    });
    expect(text()).not.toContain('hunter2');
  });

  it('survives fields that JSON cannot hold and never grows without bound', () => {
    const { logger, lines } = collect();
    const circular: Record<string, unknown> = { n: 10n, bytes: Buffer.from('hunter2') };
    circular.self = circular;
    logger.info(circular, 'circular');
    expect(lines[0]).toMatchObject({ n: '10', bytes: '[7 bytes]' });
  });

  it('is readable on a terminal', () => {
    const line = JSON.stringify({
      time: '2026-01-01T10:20:30.456Z',
      level: 'info',
      msg: 'Ready',
      service: 'gateway',
      port: 80,
    });
    expect(toReadableLine(line)).toBe('10:20:30.456 info  gateway Ready port=80');
  });

  it("takes Nest's own messages, its start-up chatter as debug", () => {
    const { logger, lines } = collect();
    nestLogger(logger).log('Mapped {/x, GET} route', 'RouterExplorer');
    nestLogger(logger).error(new Error('boom'), undefined, 'Injector');
    expect(lines.map(({ level, msg, context }) => [level, msg, context])).toEqual([
      ['debug', 'Mapped {/x, GET} route', 'RouterExplorer'],
      ['error', 'boom', 'Injector'],
    ]);
  });
});
