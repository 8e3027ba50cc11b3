import { join, resolve } from 'node:path';
import { findOnPath } from '../process/privileges.js';
import { unpackDebianPackage } from './debian.js';
import type { FindServerOptions } from './find-server.js';
import type { FoundServer } from './found-server.js';

const PACKAGE = 'prometheus';

/** The Prometheus server: installed, or unpacked from its package. */
export async function findPrometheus(options: FindServerOptions = {}): Promise<FoundServer> {
  const installed = options.usePath === false ? undefined : findOnPath(PACKAGE);
  if (installed) return { path: installed, env: {} };
  const directory = resolve(options.vendorDirectory ?? join('.keyfleet', 'vendor'), PACKAGE);
  const program = { folders: ['usr/bin'], file: PACKAGE };
  return unpackDebianPackage(PACKAGE, directory, options.onProgress ?? (() => {}), program);
}
