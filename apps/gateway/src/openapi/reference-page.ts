import type { OpenAPIObject } from '@nestjs/swagger';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** A reference page without scripts or foreign hosts: every operation with its summary, from the document itself. */
export function referencePage(document: OpenAPIObject): string {
  const rows = Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => {
      const operation = item[method];
      const body = operation?.requestBody ? pretty(operation.requestBody) : '';
      return `<details><summary><code>${method.toUpperCase()} ${escape(path)}</code> ${escape(operation?.summary ?? '')}</summary>
<h4>Parameters</h4><pre>${pretty(operation?.parameters ?? [])}</pre>${body ? `<h4>Body</h4><pre>${body}</pre>` : ''}
<h4>Answers</h4><pre>${pretty(operation?.responses ?? {})}</pre></details>`;
    }),
  );
  const schemas = Object.entries(document.components?.schemas ?? {}).map(
    ([name, schema]) =>
      `<details id="${escape(name)}"><summary><code>${escape(name)}</code></summary><pre>${pretty(schema)}</pre></details>`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escape(document.info.title)} API</title>
<style>body{font:15px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}summary{cursor:pointer;padding:.3rem 0}pre{background:#8881;padding:.6rem;overflow:auto}</style>
</head><body><h1>${escape(document.info.title)} API</h1><p>${escape(document.info.description ?? '')}</p>
<p><a href="/api/openapi.json">openapi.json</a></p><h2>Operations</h2>${rows.join('\n')}<h2>Schemas</h2>${schemas.join('\n')}</body></html>`;
}

function pretty(value: unknown): string {
  return escape(JSON.stringify(value, null, 2));
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
