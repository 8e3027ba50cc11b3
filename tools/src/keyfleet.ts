import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { backupCommand } from './backup/cli.js';
import { askLauncher } from './launcher/control.js';
import { Layout } from './launcher/layout.js';
import { LOOKS, lookCommand } from './observability/look.js';
import { projectionsCommand } from './projections/cli.js';

const USAGE = `npm run keyfleet -- <what>

  status         whether an installation runs in this folder, and where
  checks         what each service says of itself: what is ready and what is not
  metrics        what they measure, by parts of names: metrics lag waiting
  prometheus-config  for a Prometheus beside this installation
  nats-config    what a NATS server you run yourself must load for this installation
  backup         one encrypted file of everything the control plane cannot make anew
  restore        puts such a file in the place of what is here; see: backup --help
  projections    read models: list, parked, replay <stream>, rebuild <name>`;

/** Exit codes: 0 done, 1 wrong use, 2 nothing runs here. */
async function main([what, ...rest]: readonly string[]): Promise<number> {
  if (what === 'status') return status();
  if (what === 'nats-config') return natsConfig(rest);
  if (what === 'backup' || what === 'restore') return backupCommand(what, rest);
  if (what === 'projections') return projectionsCommand(rest);
  if (what !== undefined && LOOKS.includes(what)) return lookCommand(what, rest);
  process.stderr.write(`${USAGE}\n`);
  return 1;
}

async function status(): Promise<number> {
  try {
    process.stdout.write(`${(await askLauncher({ command: 'status' })).message}\n`);
    return 0;
  } catch {
    process.stderr.write('No Keyfleet runs in this folder; start it with: npm start\n');
    return 2;
  }
}

/** Printed by the registry: it alone reads the authority. */
async function natsConfig(args: readonly string[]): Promise<number> {
  const layout = new Layout(process.cwd());
  const script = layout.app('registry', 'init');
  const child = spawn(
    process.execPath,
    [script, '--directory', layout.state, '--print-nats-config', ...args],
    { stdio: 'inherit' },
  );
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

process.exitCode = await main(process.argv.slice(2));
process.disconnect?.();
