import { removeGroup } from '@keyfleet/contracts/messages';
import { handleCommand } from '@keyfleet/messaging';
import { deriveId, newId } from '@keyfleet/platform';
import { translateFailure } from './responder.js';

const message = {
  meta: {
    ...{ orgId: deriveId('org', 'a'), actor: deriveId('usr', 'a'), commandId: newId('cmd') },
    ...{ correlationId: newId('cmd'), bodyHash: 'a'.repeat(64) },
  },
  data: { groupId: deriveId('grp', 'a') },
};

async function answerTo(thrown: unknown) {
  const failures: unknown[] = [];
  const answer = handleCommand(removeGroup, () => Promise.reject(thrown), {
    onError: (error) => failures.push(error),
    translate: translateFailure,
  });
  const reply = await answer(message);
  return [reply.ok ? null : reply.error.code, failures.length];
}

const failing = (code: string) => Object.assign(new Error('of the database'), { code });

describe('a command that fails', () => {
  it.each(['CONNECTION_CLOSED', 'CONNECT_TIMEOUT', '57P01', '57014', '25P03', '55P03', '40P01'])(
    'F15: because of what the database does just then (%s) may be sent again, and is no error of ours',
    async (code) => {
      expect(await answerTo(failing(code))).toEqual(['store.unavailable', 0]);
    },
  );

  it('in any other way is an error of ours, and told as such', async () => {
    expect(await answerTo(failing('42P01'))).toEqual(['internal.error', 1]);
    expect(await answerTo(new Error('unforeseen'))).toEqual(['internal.error', 1]);
  });
});
