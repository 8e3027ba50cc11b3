import { openBrowser } from '@keyfleet/testing';
import type { RunFile } from '../../launcher/run-file.js';
import { Recorded } from './places.js';

/** Visits every page of the dashboard and writes down what the browser got: answers, frames, and the page itself. */
export async function recordBrowser(
  url: string,
  run: RunFile,
  password: string,
): Promise<{ place: Recorded; visit(): Promise<void>; close(): Promise<void> }> {
  const browser = await openBrowser();
  const page = await browser.newPage();
  const place = new Recorded('what the browser received', async (leak) => {
    await page.route('**/planted-leak', (route) =>
      route.fulfill({ body: leak, contentType: 'application/octet-stream' }),
    );
    await page.evaluate(() => fetch('/planted-leak').then((answer) => answer.arrayBuffer()));
    await page.unroute('**/planted-leak');
  });
  const pending = new Set<Promise<void>>();
  page.on('response', (response) => {
    const taking = response
      .body()
      .then((body) => place.add(body))
      .catch(() => undefined)
      .finally(() => pending.delete(taking));
    pending.add(taking);
  });
  page.on('websocket', (socket) =>
    socket.on('framereceived', ({ payload }) => place.add(Buffer.from(payload))),
  );
  const show = async (path: string) => {
    await page.goto(url + path);
    await page.waitForLoadState('networkidle');
    place.add(Buffer.from(await page.content()));
  };
  await page.goto(`${url}/sign-in`);
  await page.getByLabel('E-mail').fill(run.admin.email);
  await page.locator('input[type=password]').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Organisations' }).waitFor();
  return {
    place,
    visit: async () => {
      for (const { slug } of run.orgs) {
        await show(`/orgs/${slug}/agents`);
        await show(`/orgs/${slug}/events`);
      }
      for (const agent of run.agents) await show(`/orgs/${agent.org}/agents/${agent.id}`);
      await show('/api/docs');
      while (pending.size > 0) await Promise.all(pending);
    },
    close: () => browser.close(),
  };
}
