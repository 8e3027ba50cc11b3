import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** Who a child runs as; only root can ask for another uid. */
export interface Privileges {
  readonly uid: number;
  readonly gid: number;
  /** Capabilities it keeps without being root. */
  readonly capabilities: readonly string[];
}

interface Command {
  readonly command: string;
  readonly args?: readonly string[];
  readonly endWithUs?: NodeJS.Signals;
  readonly privileges?: Privileges;
}

/** `setpriv` replaces itself by the command, so the pid is the command's own. */
export function wrapWithSetpriv(options: Command): { command: string; args: string[] } {
  const args = [...(options.args ?? [])];
  const flags = setprivFlags(options);
  const setpriv = flags.length > 0 ? findOnPath('setpriv') : undefined;
  if (!setpriv) {
    if (options.privileges)
      throw new Error('PostgreSQL does not run as root, and setpriv (package util-linux) is missing.');
    return { command: options.command, args };
  }
  return { command: setpriv, args: [...flags, '--', options.command, ...args] };
}

function setprivFlags({ endWithUs, privileges }: Command): string[] {
  const flags: string[] = [];
  if (privileges) {
    flags.push('--reuid', String(privileges.uid), '--regid', String(privileges.gid), '--clear-groups');
    const kept = privileges.capabilities.map((name) => `+${name}`).join(',');
    // Without the bit access(2), which asks on behalf of the real uid, would overlook them.
    if (kept) flags.push('--securebits', '+no_setuid_fixup', '--inh-caps', kept, '--ambient-caps', kept);
  }
  if (endWithUs && process.platform === 'linux') flags.push('--pdeathsig', endWithUs.replace(/^SIG/, ''));
  return flags;
}

const NOBODY = 65_534;
const REACH = { dac_override: 1n, dac_read_search: 2n } as const;

/** Undefined unless we are root. Capabilities are kept only where one of the paths lies under a folder closed to others. */
export function unprivileged(paths: readonly string[]): Privileges | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const closed = paths.some((path) => !openToOthers(path));
  return { uid: NOBODY, gid: NOBODY, capabilities: closed ? capabilitiesToReach() : [] };
}

/** Containers often leave root only one of the two; either is enough. */
function capabilitiesToReach(): string[] {
  const status = readFileSync('/proc/self/status', 'utf8');
  const permitted = BigInt(`0x${/^CapPrm:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return Object.entries(REACH)
    .filter(([, bit]) => permitted & (1n << bit))
    .map(([name]) => name);
}

function openToOthers(path: string): boolean {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/** System folders are looked in too: a user's PATH often leaves sbin out. */
export function findOnPath(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  for (const folder of folders) {
    if (!folder) continue;
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not here
    }
  }
  return undefined;
}
