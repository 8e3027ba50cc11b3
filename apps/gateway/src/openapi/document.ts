import { problem } from '@keyfleet/contracts/http';
import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { z } from 'zod';
import { METHODS, operationsOf, withConventions } from './conventions.js';

/** OpenAPI of the REST API, made from the schemas that validate it. */
export function openApiDocument(app: INestApplication): OpenAPIObject {
  const options = new DocumentBuilder()
    .setTitle('Keyfleet')
    .setDescription(
      'Control plane for fleets of secret vaults. Errors are RFC 9457 problem documents with a stable `code`.',
    )
    .setVersion('1')
    .addCookieAuth('keyfleet_session', { type: 'apiKey', in: 'cookie' }, 'session')
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'kf_…' }, 'token')
    .build();
  const document = SwaggerModule.createDocument(app, options, { autoTagControllers: false });
  withProblems(document);
  withOrganisations(document);
  for (const { path, method, operation } of operationsOf(document)) {
    operation.security = PUBLIC.has(path) ? [] : [{ session: [] }, { token: [] }];
    withConventions(operation, path, method);
  }
  return withoutForeignKeywords(document);
}

/** The credential of these stands in the body; the guard's own list is a snapshot in the tests. */
const PUBLIC = new Set(['/api/v1/auth/login', '/api/v1/enrol', '/api/v1/renew']);

/** Our classification of fields is no word of OpenAPI 3.0, which knows extensions by their `x-`. */
function withoutForeignKeywords(document: OpenAPIObject): OpenAPIObject {
  const rename = (_key: string, value: unknown): unknown => {
    const classified = value as { classification?: unknown; type?: unknown } | null;
    if (typeof classified?.classification !== 'string') return value;
    const { classification, ...rest } = classified;
    return { ...rest, 'x-classification': classification };
  };
  return JSON.parse(JSON.stringify(document, rename)) as OpenAPIObject;
}

/** Every operation may answer a problem document; said once per operation as its default response. */
function withProblems(document: OpenAPIObject): void {
  // A schema with a name of its own comes as a reference to itself among its definitions.
  const made = z.toJSONSchema(problem, { target: 'openapi-3.0' }) as unknown as {
    readonly definitions: { readonly Problem: Record<string, unknown> };
  };
  const { id: _, ...schema } = made.definitions.Problem;
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, Problem: schema as never },
  };
  const response = {
    description: 'Problem document',
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
  for (const path of Object.values(document.paths)) {
    for (const method of METHODS) {
      const operation = path[method];
      if (operation) operation.responses = { ...operation.responses, default: response };
    }
  }
}

/** `{org}` is read by the guard and by no handler of a list, so it is said here for each route that has it. */
function withOrganisations(document: OpenAPIObject): void {
  const schema = { type: 'string' } as const;
  const parameter = { name: 'org', in: 'path', required: true, description: 'Slug or id.', schema } as const;
  for (const [template, path] of Object.entries(document.paths)) {
    if (!template.includes('{org}')) continue;
    for (const operation of METHODS.map((method) => path[method])) {
      if (!operation) continue;
      const others = (operation.parameters ?? []).filter((one) => !('name' in one && one.name === 'org'));
      operation.parameters = [parameter, ...others];
    }
  }
}
