import { runProof } from '../run-proof.js';
import { proveExpiry, proveKillAndStorm, proveLongOutage } from './proof.js';

/** At scale 1. */
const AGENTS = 2_000;
const ENTITLED = 1_000;
const KNOCKS = 4_000;
const HANDSHAKES = 600;
const OUTAGE_MS = 1_800_000;
/** So few that nothing is learnt of a crowd. */
const LEAST_AGENTS = 20;
/** Test time compresses the window agents come back in too: the more there are, the less of that a machine can take. */
const FACTOR = { few: 10, many: 4, from: 500 };
/** Long enough that everybody can be enrolled, and renew at half of it. */
const LIFE_SECONDS = { least: 40, perAgent: 0.15 };

/** `npm run proof:storm-reconnect`: whatever takes the broker away, everybody comes back, and nobody in a herd. */
await runProof('storm-reconnect', async ({ directory, seed, say, scaled }) => {
  const agents = Math.max(LEAST_AGENTS, scaled(AGENTS));
  const common = { directory, seed, agents, say };
  const { kill, storm } = await proveKillAndStorm({
    ...common,
    ...{ entitled: scaled(ENTITLED), knocks: Math.max(40, scaled(KNOCKS)) },
    handshakes: Math.max(200, scaled(HANDSHAKES)),
  });
  const factor = agents < FACTOR.from ? FACTOR.few : FACTOR.many;
  const outage = await proveLongOutage({ ...common, factor, lastsMs: OUTAGE_MS });
  const lifeSeconds = Math.ceil(Math.max(LIFE_SECONDS.least, agents * LIFE_SECONDS.perAgent));
  const expiry = await proveExpiry({ ...common, lifeSeconds });
  return {
    held: [kill, storm, outage, expiry].every(({ held }) => held),
    ...{ agents, kill, storm, outage, expiry },
  };
});
