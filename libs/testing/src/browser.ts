import { execFileSync } from 'node:child_process';
import { type Browser, chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Nothing leaves the machine: no updates, no sync, no look-ups of its maker's hosts. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** What the packaged headless build needs where there is no GPU and no setuid helper. */
const PACKAGED = [
  '--no-zygote',
  '--in-process-gpu',
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--disable-dev-shm-usage',
];

function onPath(): string | undefined {
  for (const name of NAMES) {
    try {
      return execFileSync('which', [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      // The next name may be there.
    }
  }
  return undefined;
}

/** A real Chromium: the one of this machine, else the one that comes with the packages. */
export async function openBrowser(): Promise<Browser> {
  const installed = onPath();
  if (installed) return chromium.launch({ executablePath: installed, args: QUIET, headless: true });
  const packaged = (await import('@sparticuz/chromium')).default;
  return chromium.launch({
    executablePath: await packaged.executablePath(),
    args: [...QUIET, ...PACKAGED],
    headless: true,
  });
}
