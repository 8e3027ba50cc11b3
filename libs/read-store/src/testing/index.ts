export { type Happening, type ReadModelWorld, readModelWorld } from './read-model-world.js';
