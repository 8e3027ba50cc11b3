import type { PolicyStatement } from '@keyfleet/contracts';
import type { PolicyView } from '@keyfleet/contracts/http';
import { useEffect, useState } from 'react';
import { printStatements, readStatements } from './document-text';

interface Base {
  readonly hash: string;
  readonly text: string;
}

export interface DraftText {
  readonly text: string;
  readonly setText: (text: string) => void;
  /** What is on screen is not what is saved. */
  readonly dirty: boolean;
  /** Somebody else saved another draft while this one was being changed. */
  readonly foreign: boolean;
  readonly takeTheirs: () => void;
  readonly keepMine: () => void;
}

/** The text being written, beside what is saved: the draft, or else the version in force. */
export function useDraftText(policy: PolicyView): DraftText {
  const saved = baseOf(policy);
  const [base, setBase] = useState(saved);
  const [text, setText] = useState(saved.text);
  const moved = saved.hash !== base.hash;
  const untouched = same(text, base.text);
  const mine = same(text, saved.text);
  useEffect(() => {
    if (!moved) return;
    if (mine) setBase(saved);
    else if (untouched) {
      setBase(saved);
      setText(saved.text);
    }
  }, [moved, mine, untouched, saved]);
  return {
    text,
    setText,
    dirty: !mine,
    foreign: moved && !mine && !untouched,
    takeTheirs: () => {
      setBase(saved);
      setText(saved.text);
    },
    keepMine: () => setBase(saved),
  };
}

function baseOf({ draft, published }: PolicyView): Base {
  const statements: readonly PolicyStatement[] = (draft ?? published)?.document.statements ?? [];
  return { hash: draft?.hash ?? published?.hash ?? '', text: printStatements(statements, 'yaml') };
}

/** Whether two texts say the same, however they are written. */
function same(one: string, other: string): boolean {
  return one === other || canonical(one) === canonical(other);
}

function canonical(text: string): string {
  const statements = readStatements(text);
  return statements ? printStatements(statements, 'json') : text;
}
