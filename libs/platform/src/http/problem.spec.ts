import { problem } from '@keyfleet/contracts/http';
import { ERROR_CODES, type ErrorCode, KeyfleetError } from '@keyfleet/kernel';
import { z } from 'zod';
import { isUnexpected, kindToStatus, toProblem } from './problem.js';

const context = { instance: '/api/v1/orgs/acme/agents', traceId: '0af7651916cd43dd8448eb211c80319c' };

describe('a problem document', () => {
  it.each(Object.keys(ERROR_CODES) as ErrorCode[])('fits the contract for %s', (code) => {
    const answer = toProblem(new KeyfleetError(code), context);
    expect(problem.parse(answer.body)).toMatchObject({ code, status: answer.status, ...context });
    expect(answer.body.type).toBe(`https://keyfleet.dev/errors/${code}`);
    expect(answer.status).toBe(kindToStatus(ERROR_CODES[code][0]));
    expect(answer.headers['content-type']).toBe('application/problem+json');
  });

  it('carries pointers, extensions and when to come back', () => {
    const error = new KeyfleetError('enrolment.busy', {
      detail: 'Later.',
      errors: [{ pointer: '/csr', message: 'odd' }],
      retryAfterMs: 1_200,
      extensions: { id: 'agt_1', status: 200 },
    });
    const answer = toProblem(error, context);
    expect(answer.headers['retry-after']).toBe('2');
    expect(answer.body).toMatchObject({
      status: 429,
      detail: 'Later.',
      id: 'agt_1',
      errors: [{ pointer: '/csr', message: 'odd' }],
    });
  });

  it('names by JSON pointer what does not fit a schema', () => {
    const { error } = z
      .strictObject({ 'a/b': z.object({ '~': z.array(z.int()) }) })
      .safeParse({ 'a/b': { '~': [1, 'hunter2'] } });
    const answer = toProblem(error, context);
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'request.invalid', errors: [{ pointer: '/a~1b/~0/1' }] },
    });
    expect(JSON.stringify(answer)).not.toContain('hunter2');
  });

  it.each([
    [{ statusCode: 400, message: 'Body is not valid JSON: hunter2' }, 400, 'request.malformed'],
    [{ statusCode: 413, message: 'x' }, 413, 'request.too-large'],
    [{ getStatus: () => 404, message: 'Cannot GET /x' }, 404, 'request.unknown-operation'],
    [new Error('connect postgres://u:hunter2@db'), 500, 'internal.error'],
    ['hunter2', 500, 'internal.error'],
    [undefined, 500, 'internal.error'],
    [{ code: 'ECONNREFUSED', message: 'hunter2' }, 500, 'internal.error'],
  ])('shows nothing of a stranger’s error (%#)', (error, status, code) => {
    const answer = toProblem(error, context);
    expect(answer).toMatchObject({ status, body: { code } });
    expect(JSON.stringify(answer)).not.toContain('hunter2');
    expect(isUnexpected(error)).toBe(status === 500);
  });
});
