// How TypeScript becomes JavaScript: once, for the build, for the tests and for sources that run without a build.
export const COMPILER = {
  target: 'es2024',
  parser: { syntax: 'typescript', decorators: true },
  transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: true },
  keepClassNames: true,
};
