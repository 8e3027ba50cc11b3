import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

export const BREAK_GLASS_USAGE = `  break-glass [--name NAME | --directory DIR] --minutes 30 --reason locked-out|incident|maintenance
  break-glass [--name NAME | --directory DIR] --end
                 set the policy of an agent on this machine aside for a while, or let it decide again`;

/** Runs the agent's own command on its directory. Exit codes: the agent's own, or 1 for wrong use. */
export async function breakGlass(args: readonly string[]): Promise<number> {
  const given = understand(args);
  if (typeof given === 'string') {
    process.stderr.write(`${given}\n\n${BREAK_GLASS_USAGE}\n`);
    return 1;
  }
  const script = join(import.meta.dirname, '../../apps/agent/dist/main.js');
  const child = spawn(process.execPath, [script, 'break-glass', ...given], { stdio: 'inherit' });
  return new Promise((resolveCode) =>
    child.once('exit', (code, signal) => resolveCode(code ?? (signal ? 1 : 0))),
  );
}

function understand(args: readonly string[]): string[] | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        name: { type: 'string' },
        directory: { type: 'string' },
        minutes: { type: 'string' },
        reason: { type: 'string' },
        end: { type: 'boolean' },
      },
    });
    const { name, directory = process.env['KEYFLEET_AGENT__DIRECTORY'], minutes, reason, end } = values;
    const found = name === undefined ? directory : directoryOf(name);
    if (found === undefined)
      return name ? `There is no agent ${name} here.` : 'It needs --name or --directory.';
    return [
      ...['--directory', found],
      ...(end ? ['--end'] : []),
      ...(minutes === undefined ? [] : ['--minutes', minutes]),
      ...(reason === undefined ? [] : ['--reason', reason]),
    ];
  } catch (error) {
    return (error as Error).message;
  }
}

/** Of an agent run here, or of a demo agent. */
function directoryOf(name: string): string | undefined {
  const places = ['own-agents', 'agents'].map((folder) => join('.keyfleet', folder, name));
  return places.find((place) => existsSync(join(place, 'vault.db')));
}
