import { temporaryDirectory, waitFor } from '@keyfleet/testing';
import { LocalStack } from './local-stack.js';

const directory = temporaryDirectory('local-stack');

/** A container that says it runs and does this on SIGTERM. */
const node = (onTerm: string) => ({
  command: [
    'node',
    '-e',
    `process.on('SIGTERM', () => { ${onTerm} }); setInterval(() => {}, 1e6); console.log('runs')`,
  ],
});

const stack = new LocalStack({
  file: {
    services: {
      clean: node('process.exit(0)'),
      failing: node(`console.log('lost the plot'); process.exit(3)`),
      crashing: node(`console.log('panicked'); process.kill(process.pid, 'SIGABRT')`),
      killed: node(`process.kill(process.pid, 'SIGKILL')`),
      deaf: node(`console.log('heard nothing')`),
    },
    volumes: {},
    networks: {},
  },
  image: directory,
  imageEnv: {},
  directory,
  servers: {},
  ports: {},
});

afterAll(() => stack.stopAll());

it.each([
  ['clean', /^exit code 0$/],
  ['failing', /^exit code 3\n[\s\S]*lost the plot$/],
  ['crashing', /^signal SIGABRT\n[\s\S]*panicked$/],
  ['killed', /^signal SIGKILL\n/],
  ['deaf', /^killed by us after 0\.5 s\n[\s\S]*heard nothing$/],
])('a stop tells how it went: %s', async (name, how) => {
  await stack.start(name);
  await waitFor(() => stack.log(name).includes('runs'));
  expect(await stack.stop(name, name === 'deaf' ? 500 : 20_000)).toMatch(how);
});

it('what does not run is not stopped', async () => {
  expect(await stack.stop('clean')).toBe('not running');
});
