/** A PostgreSQL array literal, `{a,"b c",NULL,{…}}`, as (nested) JavaScript arrays. */
export function parseArray<T>(text: string, parse: (element: string) => T): unknown[] {
  const reader = new Reader(text, parse);
  return reader.array();
}

export function formatArray(values: readonly unknown[], format: (value: unknown) => string): string {
  const elements = values.map((value) => {
    if (value === null || value === undefined) return 'NULL';
    if (Array.isArray(value)) return formatArray(value, format);
    return `"${format(value).replace(/["\\]/g, '\\$&')}"`;
  });
  return `{${elements.join(',')}}`;
}

class Reader {
  readonly #text: string;
  readonly #parse: (element: string) => unknown;
  #at = 0;

  constructor(text: string, parse: (element: string) => unknown) {
    this.#text = text;
    this.#parse = parse;
    // Arrays that do not count from 1 name their bounds first: `[0:1]={a,b}`.
    if (text.startsWith('[')) this.#at = text.indexOf('=') + 1;
  }

  array(): unknown[] {
    const values: unknown[] = [];
    this.#at += 1;
    while (this.#text[this.#at] !== '}') {
      values.push(this.#element());
      if (this.#text[this.#at] === ',') this.#at += 1;
    }
    this.#at += 1;
    return values;
  }

  #element(): unknown {
    const first = this.#text[this.#at];
    if (first === '{') return this.array();
    if (first === '"') return this.#parse(this.#quoted());
    const start = this.#at;
    while (this.#text[this.#at] !== ',' && this.#text[this.#at] !== '}') this.#at += 1;
    const bare = this.#text.slice(start, this.#at);
    return bare === 'NULL' ? null : this.#parse(bare);
  }

  #quoted(): string {
    let text = '';
    for (this.#at += 1; this.#text[this.#at] !== '"'; this.#at += 1) {
      if (this.#text[this.#at] === '\\') this.#at += 1;
      text += this.#text[this.#at];
    }
    this.#at += 1;
    return text;
  }
}
