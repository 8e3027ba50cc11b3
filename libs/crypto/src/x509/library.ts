// The library finds its own parts by reflection and refuses to load without this first.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

export { x509 };
