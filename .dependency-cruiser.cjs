/** Directions inside the projects; those between them stand in eslint.config.mjs. */
const SPECS = '\\.(spec|contract)\\.tsx?$|/testing/|/simulator/|/e2e/';

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'A cycle is a missing seam.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'kernel-imports-nothing',
      severity: 'error',
      from: { path: '^libs/kernel/src', pathNot: SPECS },
      to: { pathNot: '^libs/kernel/src' },
    },
    {
      name: 'domain-is-pure',
      comment:
        'A domain decides from what it is given: kernel and types of contracts, no npm package, no node:*, no clock.',
      severity: 'error',
      from: { path: '^libs/([^/]+)/src/domain/', pathNot: SPECS },
      to: { pathNot: ['^libs/$1/src/domain/', '^libs/kernel/src', '^libs/contracts/src'] },
    },
    {
      name: 'domain-takes-types-of-contracts-only',
      severity: 'error',
      from: { path: '^libs/[^/]+/src/domain/', pathNot: SPECS },
      to: { path: '^libs/contracts/src', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'domain-below-read-model',
      severity: 'error',
      from: { path: '^libs/([^/]+)/src/domain/' },
      to: { path: '^libs/$1/src/read-model/' },
    },
    {
      name: 'apps-never-import-apps',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'libs-never-import-apps-or-tools',
      severity: 'error',
      from: { path: '^(libs|tools)/', pathNot: SPECS },
      to: { path: '^apps/' },
    },
    {
      name: 'gateway-reads-read-models-only',
      comment:
        'The gateway has no facts of its own: of a context it may import the read model, nothing else.',
      severity: 'error',
      from: { path: '^apps/gateway/src', pathNot: SPECS },
      to: { path: '^libs/(identity|registry|policy|notify|analytics)/src/(?!read-model/)' },
    },
    {
      name: 'infrastructure-knows-no-context',
      severity: 'error',
      from: {
        path: '^libs/(auth|command-handling|crypto|embedded|event-store|messaging|platform|postgres|read-store|telemetry)/src',
        pathNot: SPECS,
      },
      to: { path: '^libs/(identity|registry|policy|notify|analytics)/' },
    },
    {
      name: 'no-test-code-in-what-runs',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: `${SPECS}|^libs/testing/` },
      to: { path: `^libs/testing/|${SPECS}` },
    },
    {
      name: 'nothing-unresolved',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'default'],
      extensions: ['.ts', '.tsx', '.mjs', '.js', '.json', '.node'],
    },
  },
};
