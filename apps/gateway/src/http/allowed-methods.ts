/** Which methods a path takes, from the routes themselves; templates are public, they stand in the API description. */
export class AllowedMethods {
  readonly #routes = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>();

  /** For Fastify's `onRoute`. Catch-all routes belong to the dashboard and say nothing of the API. */
  readonly add = ({ url, method }: { readonly url: string; readonly method: string | string[] }): void => {
    if (url.includes('*')) return;
    const route = this.#routes.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() };
    this.#routes.set(url, route);
    for (const one of [method].flat()) route.methods.add(one);
  };

  /** Empty where nothing answers under this path. */
  of(path: string): readonly string[] {
    for (const { pattern, methods } of this.#routes.values()) {
      if (pattern.test(path)) return [...methods].sort();
    }
    return [];
  }
}

function patternOf(url: string): RegExp {
  const parts = url
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part.replaceAll(/[^A-Za-z0-9-]/g, '\\$&')));
  return new RegExp(`^${parts.join('/')}$`);
}
