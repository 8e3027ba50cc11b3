import type { Type } from '@nestjs/common';
import { Field, ObjectType } from '@nestjs/graphql';
import type { Page } from '../reads/fleet-reads.js';

@ObjectType('PageInfo')
export class PageInfoObject {
  @Field() hasNextPage!: boolean;
  @Field(() => String, { nullable: true }) endCursor!: string | null;
}

export interface ConnectionOf<Node> {
  readonly edges: readonly { readonly node: Node; readonly cursor: string | null }[];
  readonly pageInfo: PageInfoObject;
}

/** A Relay connection over keyset pages. */
export function Connection<Node>(name: string, node: Type<Node>): Type<ConnectionOf<Node>> {
  @ObjectType(`${name}Edge`)
  class Edge {
    @Field(() => node) node!: Node;
    @Field(() => String, {
      nullable: true,
      description: 'Set on the last edge of a page: where the next one starts.',
    })
    cursor!: string | null;
  }

  @ObjectType(`${name}Connection`)
  class ConnectionObject implements ConnectionOf<Node> {
    @Field(() => [Edge]) edges!: Edge[];
    @Field(() => PageInfoObject) pageInfo!: PageInfoObject;
  }
  return ConnectionObject;
}

export function toConnection<Node>(page: Page<Node>): ConnectionOf<Node> {
  const last = page.items.length - 1;
  return {
    edges: page.items.map((node, index) => ({ node, cursor: index === last ? page.nextCursor : null })),
    pageInfo: { hasNextPage: page.nextCursor !== null, endCursor: page.nextCursor },
  };
}
