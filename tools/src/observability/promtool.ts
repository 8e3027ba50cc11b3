import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type FoundServer, findPromtool } from '@keyfleet/embedded';

const run = promisify(execFile);

export interface Verdict {
  readonly ok: boolean;
  readonly output: string;
}

/** Prometheus' own checker, where it can be had. */
export class Promtool {
  readonly #found: FoundServer;

  private constructor(found: FoundServer) {
    this.#found = found;
  }

  /** Undefined, and a loud word why, on a machine that has neither it nor Debian's packages. */
  static async find(): Promise<Promtool | undefined> {
    try {
      return new Promtool(await findPromtool());
    } catch (error) {
      process.stderr.write(
        `\nNOT CHECKED: alert rules and queries are only parsed here, not run: promtool could not be had (${(error as Error).message}).\n` +
          'Install the package "prometheus" so that promtool is on PATH.\n\n',
      );
      return undefined;
    }
  }

  async run(args: readonly string[], cwd: string): Promise<Verdict> {
    const env = { ...process.env, ...this.#found.env };
    try {
      const { stdout, stderr } = await run(this.#found.path, [...args], { cwd, env, timeout: 120_000 });
      return { ok: true, output: stdout + stderr };
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      return { ok: false, output: stdout + stderr };
    }
  }
}
