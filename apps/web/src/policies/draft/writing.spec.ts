import type { PolicyView } from '@keyfleet/contracts/http';
import { printStatements } from './document-text';
import { begun, follow, isMoved, onto, type Saved, savedOf, type Writing } from './writing';

const documentOf = (...ids: string[]) => ({
  statements: ids.map((id) => ({
    ...{
      id,
      effect: 'allow' as const,
      principals: ['app:a'],
      actions: ['read' as const],
      resources: ['a/**'],
    },
  })),
});
const textOf = (...ids: string[]) => printStatements(documentOf(...ids).statements, 'yaml');
const view = (draft: string[] | null, published: string[] | null) =>
  ({
    draft: draft && { hash: draft.join(), document: documentOf(...draft) },
    published: published && { version: 1, hash: published.join(), document: documentOf(...published) },
  }) as unknown as PolicyView;
const drafted = (...ids: string[]) => savedOf(view(ids, ['in force']));
const inForce = (...ids: string[]) => savedOf(view(null, ids));

/** As somebody types. */
const typed = (writing: Writing, ...ids: string[]): Writing => ({ ...writing, text: textOf(...ids) });
const sending = (writing: Writing): Writing => ({ ...writing, sent: writing.text });
const isForeign = (writing: Writing, saved: Saved) => isMoved(follow(writing, saved), saved);

describe('a text that is being written', () => {
  it('replaces the draft it was begun from, or none', () => {
    expect(begun(drafted('one')).base.draft).toBe('one');
    expect(begun(inForce('one')).base.draft).toBeNull();
    expect(begun(savedOf(view(null, null)))).toMatchObject({ base: { draft: null, hash: '' } });
  });

  it('repro-own-save: goes on from what its writer saved, while typing goes on', () => {
    const writing = typed(sending(typed(begun(drafted('one')), 'one', 'two')), 'one', 'two', 'three');
    const saved = drafted('one', 'two');
    expect(isForeign(writing, saved)).toBe(false);
    const after = follow(writing, saved);
    expect(after).toEqual({ base: saved, text: textOf('one', 'two', 'three'), sent: null });
    // Somebody else's draft after it is somebody else's.
    expect(isForeign(after, drafted('theirs'))).toBe(true);
    expect(follow(after, drafted('theirs')).base.draft).toBe('one,two');
  });

  it('repro-own-save: knows its own words also where they are written another way', () => {
    const sent = printStatements(documentOf('one', 'two').statements, 'json');
    const writing = { ...typed(begun(drafted('one')), 'one', 'two', 'three'), sent };
    expect(isForeign(writing, drafted('one', 'two'))).toBe(false);
  });

  it('waits for a choice where somebody else saved another draft, or took it away', () => {
    const writing = sending(typed(begun(drafted('one')), 'mine'));
    for (const saved of [drafted('theirs'), inForce('in force')]) {
      expect(follow(writing, saved)).toBe(writing);
      expect(isForeign(writing, saved)).toBe(true);
      expect(follow(begun(saved), saved).text).toBe(saved.text);
      expect(onto(writing, saved)).toEqual({ base: saved, text: textOf('mine'), sent: null });
    }
  });

  it('follows what is saved where nothing was typed', () => {
    const theirs = drafted('theirs');
    expect(follow(begun(drafted('one')), theirs)).toEqual(begun(theirs));
    expect(follow(begun(drafted('one')), inForce('two'))).toEqual(begun(inForce('two')));
  });

  it('goes on where its beginning is published or begun again as it was', () => {
    const writing = typed(begun(drafted('one')), 'one', 'two');
    const after = follow(writing, inForce('one'));
    expect(isMoved(after, inForce('one'))).toBe(false);
    expect(after).toMatchObject({ base: { draft: null }, text: writing.text });
    expect(follow(after, drafted('one'))).toMatchObject({ base: { draft: 'one' }, text: writing.text });
  });

  it('is settled once what is saved says the same', () => {
    const writing = typed(begun(drafted('one')), 'two');
    expect(follow(writing, drafted('two'))).toMatchObject({ base: { draft: 'two' }, sent: null });
  });
});
