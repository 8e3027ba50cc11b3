import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PolicyBypassed } from '@keyfleet/contracts/events';
import { isKeyfleetError } from '@keyfleet/kernel';
import { systemClock } from '@keyfleet/platform';
import { beginBypass, endBypass } from '../policy/bypass.js';
import { changeRecord, recordIn } from '../policy/memory.js';
import { isBypassed, MAX_BYPASS_MS } from '../policy/state.js';
import { openSqlite } from '../storage/sqlite/open.js';
import { newestLine } from '../vault/create.js';
import { type CommandLine, TERMINAL } from './terminal.js';

const REASONS = PolicyBypassed.data.shape.reason.options;
const MAX_MINUTES = MAX_BYPASS_MS / 60_000;

const USAGE = `Usage:
  break-glass --minutes 30 --reason ${REASONS.join('|')}
  break-glass --end

Sets the policy of the agent on this machine aside for a while, at most ${MAX_MINUTES} minutes. What API keys are granted still
holds; that it was done is journaled. The agent is the one in --directory, or in KEYFLEET_AGENT__DIRECTORY. It may be running.
`;

const OPTIONS = {
  directory: { type: 'string' },
  minutes: { type: 'string' },
  reason: { type: 'string' },
  end: { type: 'boolean' },
} as const;

type Reason = (typeof REASONS)[number];
type Wanted = { readonly end: true } | { readonly forMs: number; readonly reason: Reason };

/**
 * The vault's own file is the way in: whoever can write it owns the agent. Resolves to the exit code: 0 done, 1 wrong
 * use, 5 nothing to end, 6 the disk refuses.
 */
export async function breakGlass(
  args: readonly string[],
  { env, out, err }: CommandLine = TERMINAL,
): Promise<number> {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS, strict: true });
    const directory = values.directory ?? env['KEYFLEET_AGENT__DIRECTORY'];
    const wanted = understand(values);
    if (!directory || !existsSync(join(directory, 'vault.db')))
      throw new Error(directory ? `There is no vault in ${directory}.` : '--directory is needed.');
    const code = await change(join(directory, 'vault.db'), wanted, out);
    if (code !== 0) err('The policy was not set aside.\n');
    return code;
  } catch (error) {
    err(`${error instanceof Error ? error.message : 'That did not work.'}\n`);
    if (isKeyfleetError(error)) return 6;
    err(`\n${USAGE}`);
    return 1;
  }
}

function understand({
  end,
  minutes,
  reason,
}: {
  readonly end?: boolean | undefined;
  readonly minutes?: string | undefined;
  readonly reason?: string | undefined;
}): Wanted {
  if (end) return { end };
  const found = REASONS.find((one) => one === reason);
  const count = /^\d{1,5}$/.test(minutes ?? '') ? Number(minutes) : 0;
  if (!found) throw new Error(`--reason is one of ${REASONS.join(', ')}.`);
  if (count < 1 || count > MAX_MINUTES) throw new Error(`--minutes is a number from 1 to ${MAX_MINUTES}.`);
  return { forMs: count * 60_000, reason: found };
}

/** State and event in one transaction of the vault, so neither is ever without the other. */
async function change(file: string, wanted: Wanted, out: (text: string) => void): Promise<number> {
  const { storage } = openSqlite(file, systemClock);
  try {
    const memory = recordIn(storage);
    const now = systemClock.now();
    const auditSeq = await newestLine(storage);
    const { bypass: before } = (await memory.record()).state;
    if ('end' in wanted) {
      if (!isBypassed(before, now)) return 5;
      await changeRecord(memory, (state) => endBypass(state, { now, auditSeq, by: 'requested' }));
      out('The policy decides again.\n');
      return 0;
    }
    const { bypass } = await changeRecord(memory, (state) =>
      beginBypass(state, { now, auditSeq, ...wanted }),
    );
    out(`The policy is set aside until ${bypass?.until}; what API keys are granted still holds.\n`);
    return 0;
  } finally {
    await storage.close();
  }
}
