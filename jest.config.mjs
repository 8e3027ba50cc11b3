// Sources are ESM; Jest runs them as CommonJS (docs/adr/0002): one module registry, so Nest and CJS packages meet without cycles.
import { COMPILER } from './swc.mjs';

export default {
  globalSetup: '<rootDir>/libs/testing/jest/global-setup.mjs',
  globalTeardown: '<rootDir>/libs/testing/jest/global-teardown.mjs',
  testMatch: ['<rootDir>/{libs,apps}/*/src/**/*.spec.ts', '<rootDir>/tools/src/**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  modulePathIgnorePatterns: ['/dist/', '<rootDir>/.keyfleet/'],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['source', 'node'] },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        jsc: COMPILER,
        module: { type: 'commonjs' },
      },
    ],
  },
  // Reached only when something hangs: real servers on a busy machine take their time.
  testTimeout: 30_000,
  maxWorkers: 2,
};
