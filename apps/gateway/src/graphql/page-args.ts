import { listQuery } from '@keyfleet/contracts/http';
import { ArgsType, Field, Int } from '@nestjs/graphql';
import type { z } from 'zod';
import { refusal } from '../http/validation.js';
import type { ListArgs } from '../reads/fleet-reads.js';

interface Asked {
  readonly args: Record<string, unknown>;
  /** What one item costs. */
  readonly childComplexity: number;
}

/** A list costs its page size times what one item costs. */
export const perItem = ({ args, childComplexity }: Asked) =>
  5 + pageSize(args) * Math.max(1, childComplexity / 5);

/** Everything asked of an organisation is asked of each. */
export const perOrganisation = ({ args, childComplexity }: Asked) =>
  5 + pageSize(args) * Math.max(1, childComplexity);

/** Of a document, which may have 192 KiB: some twenty of them fit into one answer. */
export const DOCUMENT_COST = 250;

/** A size that is refused later has its cost until then, and never one that makes others cheaper. */
function pageSize({ first }: Record<string, unknown>): number {
  return typeof first === 'number' ? Math.min(Math.max(first, 1), 200) : 50;
}

@ArgsType()
export class PageArgs {
  @Field(() => Int, { nullable: true, description: 'Page size, 1 to 200; 50 by default.' }) first?: number;
  @Field(() => String, { nullable: true }) after?: string;
  @Field(() => String, {
    nullable: true,
    description: 'For example: state = offline AND labels.env = "prod"',
  })
  filter?: string;
}

export function listArgs({ first: limit, after: cursor, filter }: PageArgs): ListArgs {
  return checked(listQuery, { limit, cursor, filter });
}

/** The schema that REST uses; what was not said, or said to be null, is absent. */
export function checked<S extends z.ZodType>(schema: S, args: object): z.output<S> {
  const parsed = schema.safeParse(withoutNulls(args));
  if (!parsed.success) throw refusal(parsed.error.issues);
  return parsed.data;
}

export function withoutNulls(input: object): object {
  return Object.fromEntries(
    Object.entries(input).filter(([, value]) => value !== null && value !== undefined),
  );
}
