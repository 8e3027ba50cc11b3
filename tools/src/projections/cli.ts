import { parseArgs } from 'node:util';
import { postgresFailure } from '@keyfleet/postgres';
import { type Access, NoInstallation, openAccess } from './access.js';
import { LIST_COLUMNS, listParked, listProjections, PARKED_COLUMNS } from './list.js';
import { type Format, printRows, say } from './output.js';
import { rebuild } from './rebuild.js';
import { replay } from './replay.js';

const USAGE = `npm run keyfleet -- projections <what>

  list               every read model: its version, how far it is, whether somebody works on it
  parked             streams put aside because one of their events could not be applied
  replay <stream>    applies what waits of a parked stream, once its fault is mended
                       --projection <name>   of this read model only
  rebuild <name>     builds a read model anew beside the rows in use, then exchanges them
                       --no-wait             do not wait until it is done
                       --timeout <seconds>   give up waiting (it goes on); 3600 by default

  -o, --output table|json

Exit codes: 0 done, 1 wrong use, 2 the database does not answer, 4 not found, 5 it failed again, 6 took too long.`;

const SERVER = 2;

/** `keyfleet projections …`, against the installation of this folder. Resolves with the exit code. */
export async function projectionsCommand(argv: readonly string[]): Promise<number> {
  const given = parse(argv);
  if (!given) {
    say(USAGE);
    return 1;
  }
  let access: Access | undefined;
  try {
    access = openAccess();
    return await run(access, given);
  } catch (error) {
    if (error instanceof NoInstallation) say(error.message);
    else if (postgresFailure(error) === 'unavailable')
      say('The database does not answer; see: keyfleet status');
    else throw error;
    return SERVER;
  } finally {
    await access?.close();
  }
}

interface Given {
  readonly what: string;
  readonly subject: string | undefined;
  readonly format: Format;
  readonly projection: string | undefined;
  readonly wait: boolean;
  readonly timeoutMs: number;
}

/** Undefined where it is not understood. */
function parse(argv: readonly string[]): Given | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        output: { type: 'string', short: 'o', default: 'table' },
        projection: { type: 'string' },
        'no-wait': { type: 'boolean', default: false },
        timeout: { type: 'string', default: '3600' },
      },
    });
    const [what = '', subject, ...more] = positionals;
    const timeoutMs = Number(values.timeout) * 1_000;
    const needsSubject = what === 'replay' || what === 'rebuild';
    const isKnown = needsSubject || what === 'list' || what === 'parked';
    const isWhole = isKnown && needsSubject === (subject !== undefined) && more.length === 0;
    if (!isWhole || !isFormat(values.output) || !(timeoutMs > 0)) return undefined;
    return {
      ...{ what, subject, timeoutMs, format: values.output },
      ...{ projection: values.projection, wait: !values['no-wait'] },
    };
  } catch {
    return undefined;
  }
}

function isFormat(text: string): text is Format {
  return text === 'table' || text === 'json';
}

async function run(access: Access, given: Given): Promise<number> {
  const { what, subject = '', format } = given;
  if (what === 'replay') return replay(access, subject, given.projection);
  if (what === 'rebuild') return rebuild(access, { ...given, name: subject });
  if (what === 'list') printRows(await listProjections(access.sql), LIST_COLUMNS, format);
  else {
    const parked = await listParked(access.sql);
    printRows(parked, PARKED_COLUMNS, format);
    if (parked.length === 0) say('No stream is parked.');
  }
  return 0;
}
