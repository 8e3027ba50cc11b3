// Lets plain Node run the TypeScript sources: `./x.js` finds `./x.ts`, `@keyfleet/x` finds its `source`, swc takes the types off.
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';
import { COMPILER } from '../../../swc.mjs';

export function registerSources() {
  return registerHooks({
    resolve(specifier, context, next) {
      const withSource = { ...context, conditions: ['source', ...(context.conditions ?? [])] };
      const fromSource = context.parentURL?.endsWith('.ts') && /^\.{1,2}\/.*\.js$/.test(specifier);
      return next(fromSource ? specifier.replace(/\.js$/, '.ts') : specifier, withSource);
    },
    load(url, context, next) {
      if (!url.startsWith('file:') || !url.endsWith('.ts')) return next(url, context);
      const filename = fileURLToPath(url);
      const { code } = transformSync(readFileSync(filename, 'utf8'), {
        filename,
        swcrc: false,
        sourceMaps: 'inline',
        jsc: COMPILER,
        module: { type: 'nodenext' },
      });
      return { format: 'module', source: code, shortCircuit: true };
    },
  });
}
