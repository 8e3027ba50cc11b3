import { eventStoreContract } from '../contract/event-store.contract.js';
import { sharedFixture } from './fixture.contract.js';

eventStoreContract('PostgreSQL', sharedFixture(), { dense: true });
