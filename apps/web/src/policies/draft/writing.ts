import type { PolicyStatement } from '@keyfleet/contracts';
import type { PolicyView } from '@keyfleet/contracts/http';
import { printStatements, readStatements } from './document-text';

/** What is saved: the draft, or else the version in force. */
export interface Saved {
  /** Hash of the draft; null where there is none. */
  readonly draft: string | null;
  /** Of the document. */
  readonly hash: string;
  readonly text: string;
}

export interface Writing {
  /** What the text was begun from. */
  readonly base: Saved;
  readonly text: string;
  /** What was sent to be saved, until it is seen to be. */
  readonly sent: string | null;
}

export function savedOf({ draft, published }: Pick<PolicyView, 'draft' | 'published'>): Saved {
  const statements: readonly PolicyStatement[] = (draft ?? published)?.document.statements ?? [];
  return {
    draft: draft?.hash ?? null,
    hash: draft?.hash ?? published?.hash ?? '',
    text: printStatements(statements, 'yaml'),
  };
}

export const begun = (saved: Saved): Writing => ({ base: saved, text: saved.text, sent: null });

/** The same text from another beginning: what is saved now is known and is to be replaced. */
export const onto = (writing: Writing, base: Saved): Writing => ({ ...writing, base, sent: null });

/** What becomes of a text when something else is saved; one and the same where a person has to choose. */
export function follow(writing: Writing, saved: Saved): Writing {
  const { base, text, sent } = writing;
  if (!isMoved(writing, saved)) return writing;
  const known = [base.text, text, ...(sent === null ? [] : [sent])];
  if (known.some((one) => same(one, saved.text))) return onto(writing, saved);
  return same(text, base.text) ? begun(saved) : writing;
}

/** Whether what is saved is not what the text was begun from. */
export function isMoved({ base }: Writing, { hash, draft }: Saved): boolean {
  return hash !== base.hash || draft !== base.draft;
}

/** Whether two texts say the same, however they are written. */
export function same(one: string, other: string): boolean {
  return one === other || canonical(one) === canonical(other);
}

function canonical(text: string): string {
  const statements = readStatements(text);
  return statements ? printStatements(statements, 'json') : text;
}
