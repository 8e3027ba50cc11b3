import { createMetrics } from '@keyfleet/platform';
import { limitMetrics } from './edge-metrics.js';

it('repro-first-of-a-counter: every limit of the public doors is counted from nothing, before it turns anybody away', async () => {
  const metrics = createMetrics({ service: 'test', version: '1', runtime: false });
  const onLimited = limitMetrics(metrics);
  const shown = async () =>
    [
      ...(await metrics.registry.metrics()).matchAll(/^keyfleet_rate_limited_total\{limit="(.+)"\} (\d+)$/gm),
    ].map(([, limit, count]) => `${limit} ${count}`);
  const rest = ['enrolment-network 0', 'enrolment-places 0'];
  expect(await shown()).toEqual(['sign-in-account 0', 'sign-in-network 0', ...rest]);
  onLimited('sign-in-account');
  expect(await shown()).toEqual(['sign-in-account 1', 'sign-in-network 0', ...rest]);
});
