export { type ReadModelDatabase, readModelDatabase } from './read-model-database.js';
export { type Happening, type ReadModelWorld, readModelWorld } from './read-model-world.js';
