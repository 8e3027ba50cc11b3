import { replayParked } from '@keyfleet/read-store';
import type { Access } from './access.js';
import { HOSTED } from './hosted.js';
import { listParked } from './list.js';
import { say } from './output.js';

const OK = 0;
const NOT_FOUND = 4;
const CONFLICT = 5;

/** Applies what waits of a stream, for each projection that parked it. Exit code 5 where one of its events fails again. */
export async function replay({ sql, store }: Access, stream: string, only?: string): Promise<number> {
  const parked = (await listParked(sql)).filter(
    (one) => one.stream === stream && (only === undefined || one.projection === only),
  );
  if (parked.length === 0) {
    say(`${stream} is not parked${only === undefined ? '' : ` by ${only}`}; see: projections parked`);
    return NOT_FOUND;
  }
  let code = OK;
  for (const { projection: name, version } of parked) {
    const known = HOSTED.find((one) => one.name === name && one.version === Math.abs(Number(version)));
    if (!known) {
      say(`${name} version ${version} is not of this build: replay it with the build that hosts it.`);
      code = CONFLICT;
      continue;
    }
    const projection = { ...known, version: Number(version) };
    const result = await replayParked({ sql, store: store(), projection, stream });
    if (result.outcome === 'still-parked') code = CONFLICT;
    say(describe(String(name), result));
  }
  return code;
}

function describe(name: string, result: Awaited<ReturnType<typeof replayParked>>): string {
  if (result.outcome === 'replayed') return `${name}: ${result.events} events applied; the stream goes on.`;
  if (result.outcome === 'not-parked') return `${name}: somebody else replayed it.`;
  return `${name}: it failed again (${result.code}) and stays parked. Mend the projection, then replay.`;
}
