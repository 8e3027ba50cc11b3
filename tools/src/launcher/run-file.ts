import { rmSync } from 'node:fs';
import { writePrivate } from '@keyfleet/embedded';

interface Server {
  readonly url: string;
  /** 0 where it is one of yours. */
  readonly pid: number;
}

/** `.keyfleet/run.json`: where everything is. All paths are absolute; a pid is the process itself. */
export interface RunFile {
  readonly ready: true;
  readonly launcher: { readonly pid: number };
  readonly gateway: { readonly url: string };
  readonly nats: Server;
  readonly postgres: Server;
  readonly redis: Server;
  readonly eventStore: { readonly driver: string; readonly url: string };
  readonly admin: { readonly email: string; readonly passwordFile: string };
  /** A second owner: nobody publishes a policy that nobody else has looked at. */
  readonly reviewer: { readonly email: string; readonly passwordFile: string };
  readonly orgs: readonly { readonly id: string; readonly slug: string }[];
  readonly agents: readonly {
    readonly id: string;
    readonly name: string;
    readonly org: string;
    readonly url: string;
    readonly pid: number;
    readonly apiKeyFile: string;
    readonly caFile: string;
  }[];
  readonly services: readonly {
    readonly name: string;
    readonly pid: number;
    readonly operationsUrl: string;
  }[];
}

/** Whole or not at all: whoever waits for the file never reads half of it. It holds URLs with passwords, so only its owner may read it. */
export function writeRunFile(path: string, content: RunFile): void {
  writePrivate(path, `${JSON.stringify(content, null, 2)}\n`);
}

export function removeRunFile(path: string): void {
  rmSync(path, { force: true });
}
