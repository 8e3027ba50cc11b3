import type { PolicyView } from '@keyfleet/contracts/http';
import { useMemo, useState } from 'react';
import { begun, follow, isMoved, onto, same, savedOf } from './writing';

export interface DraftText {
  readonly text: string;
  readonly setText: (text: string) => void;
  /** What is on screen is not what is saved. */
  readonly dirty: boolean;
  /** Somebody else saved another draft, or took it away, while this one was being changed. */
  readonly foreign: boolean;
  /** Hash of the draft that saving replaces: what the text was begun from. Null where there was none. */
  readonly replaces: string | null;
  /** Said before a text is saved, so that it is known again when it comes back. */
  readonly sending: (text: string) => void;
  readonly takeTheirs: () => void;
  readonly keepMine: () => void;
}

/** The text being written, beside what is saved: the draft, or else the version in force. */
export function useDraftText(policy: PolicyView): DraftText {
  const { draft, published } = policy;
  const saved = useMemo(() => savedOf({ draft, published }), [draft, published]);
  const [before, setWriting] = useState(() => begun(saved));
  const writing = follow(before, saved);
  if (writing !== before) setWriting(writing);
  const dirty = !same(writing.text, saved.text);
  return {
    text: writing.text,
    setText: (text) => setWriting((now) => ({ ...now, text })),
    dirty,
    foreign: dirty && isMoved(writing, saved),
    replaces: writing.base.draft,
    sending: (sent) => setWriting((now) => ({ ...now, sent })),
    takeTheirs: () => setWriting(begun(saved)),
    keepMine: () => setWriting((now) => onto(now, saved)),
  };
}
