import { BREAK_GLASS_USAGE, breakGlass } from './agent-break-glass.js';
import { RUN_USAGE, runAgent } from './agent-run.js';
import { askLauncher, type ControlRequest } from './launcher/control.js';

const USAGE = `npm run agent -- <what>

  list           the demo agents of the running installation
  start <name>   bring an agent back that ended
  stop <name>    end an agent properly
  enrol <name>   let an agent that was revoked enrol anew, as another agent with the same secrets
${RUN_USAGE}
${BREAK_GLASS_USAGE}`;

/** Exit codes: 0 done, 1 wrong use, 2 no launcher runs, 4 no such agent or it could not be done. */
async function main(args: readonly string[]): Promise<number> {
  const [action, name] = args;
  if (action === 'run') return runAgent(args.slice(1));
  if (action === 'break-glass') return breakGlass(args.slice(1));
  const asked = understand(action, name);
  if (!asked) {
    process.stderr.write(`${USAGE}\n`);
    return 1;
  }
  try {
    const answer = await askLauncher(asked);
    (answer.ok ? process.stdout : process.stderr).write(`${answer.message}\n`);
    return answer.ok ? 0 : 4;
  } catch {
    process.stderr.write('No Keyfleet runs in this folder; start it with: npm start\n');
    return 2;
  }
}

function understand(action: string | undefined, name: string | undefined): ControlRequest | undefined {
  if (action === 'list') return { command: 'agent', action };
  if ((action === 'start' || action === 'stop' || action === 'enrol') && name)
    return { command: 'agent', action, name };
  return undefined;
}

process.exitCode = await main(process.argv.slice(2));
process.disconnect?.();
