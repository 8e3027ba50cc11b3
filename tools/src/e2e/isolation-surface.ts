import {
  buildClientSchema,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getIntrospectionQuery,
  getNamedType,
  type IntrospectionQuery,
  isInputObjectType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql';
import type { Client } from './client.js';
import type { Side } from './isolation-world.js';

export type Kind = keyof Side['ids'];

export interface RestOperation {
  readonly name: string;
  readonly method: string;
  /** What its second path parameter names, or the ids in its body. */
  readonly kind: Kind | undefined;
  /** It makes or changes something where its target is one's own. */
  readonly creates: boolean;
  body(id: string): object | undefined;
  path(org: string, id: string): string;
}

interface OpenApi {
  readonly paths: Record<
    string,
    Record<string, { readonly operationId: string; readonly requestBody?: unknown }>
  >;
}

const DOCUMENT = {
  statements: [
    { id: 'stolen', effect: 'allow', principals: ['*'], actions: ['read'], resources: ['stolen/**'] },
  ],
};
const HASH = 'a'.repeat(64);

/** Bodies that would be taken, so that nothing but the target is refused. A new route with a body must be named here. */
const BODIES: Readonly<Record<string, object | ((id: string) => object)>> = {
  labelAgent: { labels: { stolen: 'yes' } },
  createGroup: { name: 'stolen', selector: 'labels.env = "prod"' },
  updateGroup: { name: 'stolen', selector: 'labels.env = "prod"' },
  issueEnrolmentToken: {},
  issueApiToken: { name: 'stolen', permissions: ['org:read'] },
  createPolicy: { name: 'stolen', content: { document: DOCUMENT } },
  writePolicyDraft: { name: 'stolen', content: { document: DOCUMENT } },
  requestPolicyReview: {},
  reviewPolicy: { hash: HASH, verdict: 'approved' },
  publishPolicy: {},
  assignPolicy: { target: { kind: 'organisation' } },
  controlPolicyRollout: { action: 'pause' },
  bulkPolicies: (id) => ({ action: 'retire', policies: [id] }),
  checkPolicy: { content: { document: DOCUMENT } },
  replayPolicy: { content: { document: DOCUMENT } },
  askAccess: { principal: 'app:stolen' },
};

/** Of what has no kind of its own: the first there may be of it. */
const FIRST: Readonly<Record<string, string>> = { '{version}': '1', '{assignment}': 'first' };
const QUERIES: Readonly<Record<string, string>> = { comparePolicyVersions: '?from=1&to=1' };

/** Every route below an organisation, from the description the gateway gives of itself. */
export function restOperations(document: OpenApi): RestOperation[] {
  return Object.entries(document.paths)
    .filter(([path]) => path.includes('{org}'))
    .flatMap(([template, methods]) =>
      Object.entries(methods).map(([method, { operationId, requestBody }]) => {
        const body = BODIES[operationId];
        if (requestBody && !body) throw new Error(`No body is known for ${operationId}`);
        return {
          name: operationId,
          method: method.toUpperCase(),
          kind: kindOf(template),
          creates: method !== 'get',
          body: (id: string) => (typeof body === 'function' ? body(id) : body),
          path: (org: string, id: string) =>
            template
              .replace('{org}', org)
              .replace(/\{(?:version|assignment)\}/g, (name) => FIRST[name] ?? '')
              .replace(/\{\w+\}/, id) + (QUERIES[operationId] ?? ''),
        };
      }),
    );
}

function kindOf(template: string): Kind | undefined {
  if (template.includes('{policy}') || template.endsWith('/policies/bulk')) return 'policy';
  if (template.includes('certificates/{')) return 'certificate';
  if (template.includes('{agent}')) return 'agent';
  if (template.includes('{group}')) return 'group';
  if (template.includes('enrolment-tokens/{')) return 'enrolmentToken';
  if (template.includes('api-tokens/{')) return 'apiToken';
  if (/\{org\}.*\{/.test(template)) throw new Error(`What does ${template} name?`);
  return undefined;
}

export interface GraphField {
  readonly name: string;
  readonly takesId: boolean;
  readonly changes: boolean;
  operation(org: string, idOf: (kind: Kind) => string): { query: string };
}

/** Every field of a query or mutation that is asked within an organisation, with its ids and all it needs given. */
export async function graphFields(client: Client): Promise<GraphField[]> {
  const schema = await introspect(client);
  const organisation = schema.getType('Organisation');
  if (!isObjectType(organisation)) throw new Error('There is no type Organisation');
  const below = Object.values(organisation.getFields()).map((field) =>
    graphField(field, (text, org) => `{ org(slug: ${JSON.stringify(org)}) { ${text} } }`),
  );
  const mutations = Object.values(schema.getMutationType()?.getFields() ?? {}).map((field) => {
    if (!field.args.some(({ name }) => name === 'org'))
      throw new Error(`${field.name} names no organisation`);
    return { ...graphField(field, (text) => `mutation { ${text} }`), changes: true };
  });
  return [...below, ...mutations];
}

async function introspect(client: Client): Promise<GraphQLSchema> {
  const answer = await client.request('POST', '/api/graphql', {
    query: getIntrospectionQuery({ descriptions: false }),
  });
  const { data, errors } = answer.body as { data: IntrospectionQuery | null; errors?: unknown };
  if (!data) throw new Error(`no schema: ${JSON.stringify(errors)}`);
  return buildClientSchema(data);
}

function graphField(
  field: GraphQLField<unknown, unknown>,
  within: (text: string, org: string) => string,
): GraphField {
  return {
    name: field.name,
    takesId: field.args.some(({ type }) => holdsId(type)),
    changes: false,
    operation: (org, idOf) => {
      const given = (kind: Kind) => JSON.stringify(idOf(kind));
      const args = field.args
        .filter((arg) => arg.name === 'org' || isRequiredArgument(arg) || holdsId(arg.type))
        .map(
          (arg) =>
            `${arg.name}: ${arg.name === 'org' ? JSON.stringify(org) : argument(arg, field.name, given)}`,
        );
      const list = args.length > 0 ? `(${args.join(', ')})` : '';
      return { query: within(`${field.name}${list}${selection(field.type)}`, org) };
    },
  };
}

function holdsId(type: GraphQLInputType): boolean {
  const named = getNamedType(type);
  if (named.name === 'ID') return true;
  return isInputObjectType(named) && Object.values(named.getFields()).some((field) => holdsId(field.type));
}

/** Texts of which not every one is taken, by the names of what they are given for. */
const STRINGS: Readonly<Record<string, string>> = {
  selector: 'labels.env = "prod"',
  action: 'pause',
  hash: HASH,
  verdict: 'approved',
  'bulkPolicies.action': 'retire',
  text: JSON.stringify(DOCUMENT),
};

/** A literal that would be taken; what an id is of is said by the field it is given to. */
function argument(
  { name, type }: GraphQLArgument | GraphQLInputField,
  field: string,
  given: (kind: Kind) => string,
): string {
  const named = getNamedType(type);
  if (name === 'assignmentId') return '"first"';
  if (named.name === 'ID') return given(kindOfField(name === 'id' ? field : name));
  if (isInputObjectType(named)) {
    const fields = Object.values(named.getFields()).filter(
      (one) => isRequiredInputField(one) || holdsId(one.type) || one.name in STRINGS,
    );
    return `{ ${fields.map((one) => `${one.name}: ${argument(one, field, given)}`).join(', ')} }`;
  }
  if (named.name === 'JSONObject')
    return name === 'target' ? '{ kind: "organisation" }' : '{ stolen: "yes" }';
  if (named.name === 'String')
    return JSON.stringify(STRINGS[`${field}.${name}`] ?? STRINGS[name] ?? 'stolen');
  throw new Error(`No value is known for ${field}(${name}: ${String(type)})`);
}

function kindOfField(field: string): Kind {
  const name = field.toLowerCase();
  if (/polic(?:y|ies)|rollout/.test(name)) return 'policy';
  if (name.includes('agent')) return 'agent';
  if (name.includes('group')) return 'group';
  if (name.includes('enrolmenttoken')) return 'enrolmentToken';
  if (name.includes('apitoken')) return 'apiToken';
  throw new Error(`What does the id of ${field} name?`);
}

function selection(type: GraphQLOutputType): string {
  const named = getNamedType(type);
  if (!isObjectType(named)) return '';
  const fields = Object.values(named.getFields()).filter(({ args }) => args.length === 0);
  return ` { ${fields.map((field) => `${field.name}${selection(field.type)}`).join(' ')} }`;
}
