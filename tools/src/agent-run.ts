import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const RUN_USAGE = `  run --name NAME --control-plane URL --token-file FILE [--directory DIR] [--port N] [--labels k=v,k=v]
                 run an agent of your own here; Ctrl-C ends it, the same line brings it back`;

/** Runs one agent in the foreground. Exit codes: the agent's own, or 1 for wrong use. */
export async function runAgent(args: readonly string[]): Promise<number> {
  const given = understand(args);
  if (typeof given === 'string') {
    process.stderr.write(`${given}\n\n${RUN_USAGE}\n`);
    return 1;
  }
  const script = join(import.meta.dirname, '../../apps/agent/dist/main.js');
  const child = spawn(process.execPath, [script], {
    env: { ...process.env, ...given },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolveCode) =>
    child.once('exit', (code, signal) => resolveCode(code ?? (signal ? 1 : 0))),
  );
}

function understand(args: readonly string[]): Record<string, string> | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        name: { type: 'string' },
        'control-plane': { type: 'string' },
        'token-file': { type: 'string' },
        directory: { type: 'string' },
        port: { type: 'string', default: '0' },
        labels: { type: 'string', default: '' },
      },
    });
    const { name, 'control-plane': controlPlane, 'token-file': tokenFile } = values;
    if (!name || !controlPlane || !tokenFile) return 'It needs --name, --control-plane and --token-file.';
    if (!existsSync(tokenFile))
      return `There is no file ${tokenFile}; it holds the enrolment token the dashboard showed.`;
    return {
      KEYFLEET_AGENT__DIRECTORY: resolve(values.directory ?? join('.keyfleet', 'own-agents', name)),
      KEYFLEET_AGENT__NAME: name,
      KEYFLEET_AGENT__PORT: values.port,
      KEYFLEET_AGENT__LABELS: values.labels,
      KEYFLEET_AGENT__CONTROL_PLANE_URL: controlPlane,
      KEYFLEET_AGENT__ENROLMENT_TOKEN_FILE: resolve(tokenFile),
    };
  } catch (error) {
    return (error as Error).message;
  }
}
