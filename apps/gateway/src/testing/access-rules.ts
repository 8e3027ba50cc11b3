import { type INestApplication, RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { ModulesContainer } from '@nestjs/core';
import { ACCESS_RULE, type AccessRule } from '../access/access.decorator.js';

/** Every controller route and resolver with its rule, for the list the tests keep: `public: POST auth/login (why)`. */
export function accessRules(app: INestApplication): string[] {
  const lines: string[] = [];
  for (const module of app.get(ModulesContainer).values()) {
    for (const { metatype } of [...module.controllers.values(), ...module.providers.values()]) {
      if (typeof metatype !== 'function' || !metatype.prototype) continue;
      for (const name of Object.getOwnPropertyNames(metatype.prototype))
        lines.push(...ruleOf(metatype, name));
    }
  }
  return lines.sort();
}

function ruleOf(type: object & { prototype?: unknown; name?: string }, name: string): string[] {
  const handler = Object.getOwnPropertyDescriptor(type.prototype, name)?.value as object | undefined;
  if (typeof handler !== 'function' || name === 'constructor') return [];
  const method: RequestMethod | undefined = Reflect.getMetadata(METHOD_METADATA, handler);
  const rule: AccessRule | undefined = Reflect.getMetadata(ACCESS_RULE, handler);
  if (method === undefined && rule === undefined) return [];
  const paths = [Reflect.getMetadata(PATH_METADATA, type), Reflect.getMetadata(PATH_METADATA, handler)];
  const path = paths.filter((part) => part && part !== '/').join('/');
  const where = method === undefined ? `GraphQL ${name}` : `${RequestMethod[method]} ${path}`;
  if (rule === undefined) return [`NO RULE: ${where}`];
  if (rule.kind === 'public') return [`public: ${where} (${rule.reason})`];
  return [rule.kind === 'permission' ? `${rule.permission}: ${where}` : `signed in: ${where}`];
}
