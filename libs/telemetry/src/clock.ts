import type { Clock } from '@keyfleet/kernel';
import type { Metrics } from '@keyfleet/platform';

const EVERY_MS = 5_000;
/** Slower than this is a machine that was asleep or a process that was held, and no step of the clock. */
const STEP_SECONDS = 2;

/** Notices where the wall clock moves otherwise than time does. Ends with the process. */
export function clockMetrics(metrics: Metrics, clock: Clock, everyMs = EVERY_MS): () => void {
  const steps = metrics.counter({
    name: 'keyfleet_clock_steps_total',
    help: 'Times the wall clock of this process jumped by more than 2 seconds.',
  });
  const last = metrics.gauge({
    name: 'keyfleet_clock_last_step_seconds',
    help: 'By how much the wall clock jumped last; below 0 where it jumped back.',
  });
  const offset = (): number => clock.now() - clock.monotonic();
  let before = offset();
  const timer = setInterval(() => {
    const now = offset();
    const step = (now - before) / 1_000;
    before = now;
    if (Math.abs(step) < STEP_SECONDS) return;
    steps.inc();
    last.set(step);
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
