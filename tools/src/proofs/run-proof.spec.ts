import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const SCRIPT = join(process.cwd(), 'tools/dist/proofs/waiting-process.js');

describe('a proof that is ended early', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s: leaves no process and no folder, and says that it did not hold',
    async (signal) => {
      const proof = spawn(process.execPath, [SCRIPT, '--seed', 'a'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exited = once(proof, 'exit');
      const lines: string[] = [];
      let told: { directory: string; child: number } | undefined;
      for await (const line of createInterface({ input: proof.stdout })) {
        lines.push(line);
        const [said] = /\{"directory.*$/.exec(line) ?? [];
        if (!said) continue;
        told = JSON.parse(said) as { directory: string; child: number };
        expect(existsSync(told.directory)).toBe(true);
        proof.kill(signal);
      }
      expect(await exited).toEqual([1, null]);
      expect(JSON.parse(lines.at(-1) ?? '')).toEqual({ proof: 'waiting', held: false, endedBy: signal });
      expect(existsSync(told?.directory ?? '/')).toBe(false);
      expect(() => process.kill(told?.child ?? 1, 0)).toThrow('ESRCH');
    },
  );
});
