import nx from '@nx/eslint-plugin';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const below = {
  kernel: [],
  contracts: ['layer:kernel'],
  infra: ['layer:kernel', 'layer:contracts', 'layer:infra'],
  context: ['layer:kernel', 'layer:contracts', 'layer:infra', 'layer:context'],
  testing: ['layer:kernel', 'layer:contracts', 'layer:infra'],
  app: ['layer:kernel', 'layer:contracts', 'layer:infra', 'layer:context'],
  // Proofs drive the product with the harness the tests use.
  tools: ['layer:kernel', 'layer:contracts', 'layer:infra', 'layer:context', 'layer:testing'],
};
const contexts = ['identity', 'registry', 'policy', 'notify', 'analytics'];

/** kernel ← contracts ← contexts ← apps; infrastructure never imports a context, a context never another, an app never an app. */
function boundaries(everywhere) {
  const layers = Object.entries(below).map(([layer, allowed]) => ({
    sourceTag: `layer:${layer}`,
    onlyDependOnLibsWithTags: [...allowed, ...everywhere],
  }));
  const apart = contexts.map((context) => ({
    sourceTag: `context:${context}`,
    onlyDependOnLibsWithTags: [...below.infra, `context:${context}`, ...everywhere],
  }));
  return [
    'error',
    {
      enforceBuildableLibDependency: false,
      // Specs load sources late to try them in processes of their own.
      checkDynamicDependenciesExceptions: ['.*'],
      // A part's specs use the harness, and the harness uses the part.
      ignoredCircularDependencies: [['testing', '*']],
      depConstraints: [...layers, ...apart],
    },
  ];
}

const TESTS = ['**/*.spec.ts', '**/*.contract.ts', '**/src/**/testing/**/*.ts', '**/src/simulator/**/*.ts'];

export default defineConfig(
  { ignores: ['**/dist/**', '**/node_modules/**', '.nx/**', '.keyfleet/**', '**/*.d.ts', 'coverage/**'] },
  {
    files: ['**/*.{ts,tsx,mjs}'],
    extends: [...tseslint.configs.recommended],
    plugins: { '@nx': nx },
    // Nest reads the types of constructor parameters at run time, so those imports are no mere types.
    languageOptions: { parserOptions: { experimentalDecorators: true, emitDecoratorMetadata: true } },
    linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'error' },
    rules: {
      complexity: ['error', 12],
      'max-depth': ['error', 3],
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 4],
      eqeqeq: ['error', 'always'],
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-new-func': 'error',
      'no-constant-condition': ['error', { checkLoops: false }],
      'no-self-compare': 'error',
      'no-template-curly-in-string': 'error',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true } }],
      '@typescript-eslint/max-params': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_' },
      ],
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'separate-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-expressions': ['error', { allowShortCircuit: true, allowTernary: true }],
      '@typescript-eslint/naming-convention': [
        'error',
        { selector: 'interface', format: ['PascalCase'], custom: { regex: '^I[A-Z][a-z]', match: false } },
      ],
      // Nest reads a class's parameter types and an empty class may be a module.
      '@typescript-eslint/no-extraneous-class': 'off',
    },
  },
  {
    files: ['{libs,apps,tools}/**/*.{ts,tsx}'],
    ignores: TESTS,
    rules: { '@nx/enforce-module-boundaries': boundaries([]) },
  },
  {
    files: ['libs/testing/**/*.ts', ...TESTS.map((glob) => `{libs,apps,tools}/${glob}`)],
    rules: {
      '@nx/enforce-module-boundaries': boundaries(['layer:testing', 'layer:infra']),
      'max-lines': ['error', { max: 500, skipBlankLines: true, skipComments: true }],
      // Tables of cases nest, and name each of their columns.
      complexity: ['error', 15],
      'max-depth': ['error', 5],
      'max-params': ['error', 8],
      // Answers of servers are looked into as they come.
      '@typescript-eslint/no-explicit-any': 'off',
    },
  },
  // Constructors of Nest providers name what they are given, one parameter each.
  {
    files: ['apps/*/src/**/*.{module,controller,resolver,manager,nats,guard,mutations,subscription}.ts'],
    rules: { 'max-params': 'off' },
  },
  {
    // Configurations of tools are read by their default export.
    files: ['*.mjs', '**/{vite,playwright}.config.{ts,mjs}', 'libs/testing/jest/*.mjs'],
    rules: { 'no-restricted-exports': 'off' },
  },
);
