import { newId } from '@keyfleet/platform';
import { groupStream } from '@keyfleet/registry/domain';
import { createStage, type Stage } from '../testing/stage.js';
import { GroupCommands } from './group-commands.js';

let stage: Stage;
let groups: GroupCommands;
beforeEach(async () => {
  stage = await createStage();
  groups = new GroupCommands(stage.parts);
});

const terms = { name: 'Production', selector: 'labels.env = prod' };

describe('groups', () => {
  it('are defined, changed and removed', async () => {
    const { meta } = stage.member();
    const { data, revision } = await groups.define(terms, meta());
    expect(revision).toBe('0');
    const changed = { ...terms, groupId: data.id, offlineAfterSeconds: 120 };
    await expect(groups.define(changed, meta({ ifMatch: '0' }))).resolves.toMatchObject({ revision: '1' });
    await expect(groups.define({ ...changed, name: 'Other' }, meta({ ifMatch: '0' }))).rejects.toMatchObject({
      code: 'revision.mismatch',
    });
    await groups.remove({ groupId: data.id }, meta());
    const types = (await stage.store.readStream(groupStream(data.id))).map(({ type }) => type);
    expect(types).toEqual(['GroupDefined', 'GroupDefined', 'GroupRemoved']);
  });

  it('are made once per Idempotency-Key', async () => {
    const { meta } = stage.member();
    const key = { commandId: newId('cmd'), bodyHash: 'a'.repeat(64) };
    const first = await groups.define(terms, meta(key));
    await expect(groups.define(terms, meta(key))).resolves.toEqual(first);
  });

  it('say where a selector is wrong', async () => {
    const { meta } = stage.member();
    for (const selector of ['labels.env =', 'state = online'])
      await expect(groups.define({ ...terms, selector }, meta())).rejects.toMatchObject({
        code: 'request.invalid',
        details: { errors: [{ pointer: '/selector' }] },
      });
  });

  it('S9: look absent to everybody else, and to those who may do less are forbidden', async () => {
    const owner = stage.member();
    const { data } = await groups.define(terms, owner.meta());
    const viewer = stage.member(['groups:read'], owner.orgId);
    await expect(groups.remove({ groupId: data.id }, viewer.meta())).rejects.toMatchObject({
      code: 'auth.forbidden',
    });
    const stranger = stage.member();
    for (const groupId of [data.id, newId('grp')]) {
      await expect(groups.remove({ groupId }, stranger.meta())).rejects.toMatchObject({
        code: 'resource.not-found',
      });
      await expect(groups.define({ ...terms, groupId }, stranger.meta())).rejects.toMatchObject({
        code: 'resource.not-found',
      });
    }
  });
});
