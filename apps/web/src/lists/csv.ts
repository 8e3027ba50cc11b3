/** A cell that a spreadsheet would run as a formula is led by an apostrophe. */
function cell(value: unknown): string {
  const text =
    value === null || value === undefined
      ? ''
      : typeof value === 'object'
        ? JSON.stringify(value)
        : String(value);
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** RFC 4180, the first row naming the columns of all rows. */
export function toCsv(items: readonly Readonly<Record<string, unknown>>[]): string {
  const columns = [...new Set(items.flatMap((item) => Object.keys(item)))];
  const rows = items.map((item) => columns.map((column) => cell(item[column])).join(','));
  return `${[columns.map(cell).join(','), ...rows].join('\r\n')}\r\n`;
}
