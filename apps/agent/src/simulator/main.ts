import type { SimulatorAnswer, SimulatorRequest, SimulatorSettings } from '@keyfleet/testing';
import { Fleet } from './fleet.js';

/**
 * Thousands of agents in one process, each with a link of its own, for proofs and load. What it is told comes over the
 * IPC channel of its parent, and it ends with it.
 */
const fleet = new Fleet(settings());

process.on('message', (request: SimulatorRequest) => {
  void answerTo(request).then((answer) => {
    if (process.connected) process.send?.(answer);
  });
});
process.once('disconnect', () => process.exit(0));
// Whoever presses Ctrl-C means the parent, which ends us.
process.on('SIGINT', () => {});

async function answerTo({ id, command }: SimulatorRequest): Promise<SimulatorAnswer> {
  try {
    if (command.kind === 'report') return { id, ok: true, report: fleet.report() };
    await fleet.do(command);
    return { id, ok: true };
  } catch (error) {
    return { id, ok: false, message: error instanceof Error ? error.message : 'unknown' };
  }
}

function settings(): SimulatorSettings {
  const text = process.env['KEYFLEET_SIMULATOR'];
  if (text === undefined)
    throw new Error('KEYFLEET_SIMULATOR is not set; the simulator is started by proofs.');
  return JSON.parse(text) as SimulatorSettings;
}
