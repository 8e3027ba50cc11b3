// `node --import <this file> file.ts` runs a source without a build: for tests that start whole processes.
import { registerSources } from './register-sources.mjs';

registerSources();
