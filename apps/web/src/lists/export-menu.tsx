import { Button, Menu } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { rest } from '../api/rest';
import { toCsv } from './csv';
import { download } from './download';
import { Failure } from './failure';

interface Page {
  readonly items: readonly Record<string, unknown>[];
  readonly nextCursor: string | null;
}

/** Fetches every page of a REST list with the filter on screen. */
async function everything(
  path: string,
  query: Readonly<Record<string, string>>,
): Promise<Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const search = new URLSearchParams({ ...query, limit: '200', ...(cursor ? { cursor } : {}) });
    const page: Page = await rest<Page>('GET', `${path}?${search}`);
    items.push(...page.items);
    cursor = page.nextCursor;
  }
  return items;
}

/** Exports what is on screen: the same list with the same filter, all pages of it. */
export function ExportMenu({
  path,
  query,
  name,
}: {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly name: string;
}) {
  const run = useMutation({
    mutationFn: async (format: 'csv' | 'ndjson') => {
      const items = await everything(path, query);
      if (format === 'csv') download(`${name}.csv`, 'text/csv', toCsv(items));
      else
        download(
          `${name}.ndjson`,
          'application/x-ndjson',
          items.map((item) => `${JSON.stringify(item)}\n`).join(''),
        );
    },
  });
  return (
    <>
      <Menu>
        <Menu.Target>
          <Button variant="default" loading={run.isPending}>
            Export
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => run.mutate('csv')}>CSV</Menu.Item>
          <Menu.Item onClick={() => run.mutate('ndjson')}>NDJSON</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {run.isError && <Failure error={run.error} title="The export failed" />}
    </>
  );
}
