import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { askAgent } from '../../e2e/client.js';
import type { RunFile } from '../../launcher/run-file.js';

type Agent = RunFile['agents'][number];

/** Repeatable bytes: the same seed, the same values. */
export function valueOf(seed: string, name: string, kind: number): Buffer {
  const bytes = Buffer.concat(
    [0, 1].map((part) => createHash('sha256').update(`${seed}/${name}/${part}`).digest()),
  );
  switch (kind % 4) {
    case 0:
      return bytes.subarray(0, 40);
    case 1:
      return Buffer.from(`canary-${bytes.toString('base64url').slice(0, 40)}`);
    case 2:
      return Buffer.from(`{"password":"${bytes.toString('hex').slice(0, 48)} ü/+&=%"}`);
    default:
      return Buffer.from(`postgres://app:${bytes.toString('base64url').slice(0, 32)}@db.internal/x?y=z`);
  }
}

const put = (value: Buffer, rest: object = {}) => ({ value: value.toString('base64'), ...rest });

/** Takes one secret through its life at an agent, rightly and wrongly. Gives every value that was in play. */
export async function useSecret(agent: Agent, seed: string, index: number): Promise<Map<string, Buffer>> {
  const name = `${agent.name}/${index}`;
  const path = `/secrets/proof/leak/${agent.name}-${index}`;
  const first = valueOf(seed, `${name}/first`, index);
  const second = valueOf(seed, `${name}/second`, index + 1);
  const never = valueOf(seed, `${name}/never-stored`, index + 2);
  const values = new Map([
    [`${name} first`, first],
    [`${name} second`, second],
    [`${name} never stored`, never],
  ]);
  const ask = (method: 'GET' | 'PUT' | 'POST' | 'DELETE', at: string, body?: unknown) =>
    askAgent(agent, method, at, body);
  await ask('PUT', path, put(first));
  await ask('PUT', path, put(second));
  await ask('GET', `${path}/value`);
  await ask('GET', `${path}/value?version=1`);
  await ask('GET', path);
  await ask('POST', `${path}/rollback`, { version: 1 });
  // Refused in every way that carries a value.
  await ask('PUT', path, put(never, { comment: never.toString('latin1') }));
  await ask('PUT', path, put(never, { expectedVersion: 99 }));
  await ask('PUT', `${path}/value/x`, { password: never.toString('latin1') });
  await withWrongKey(agent, path, never);
  if (index % 4 === 1) await leakByName(agent, second);
  if (index % 5 === 0) await ask('DELETE', path);
  return values;
}

/** A value where a name belongs: the path goes to the control plane unless the agent notices. */
async function leakByName(agent: Agent, value: Buffer): Promise<void> {
  await askAgent(
    agent,
    'PUT',
    `/secrets/proof/${value.toString()}`,
    put(Buffer.from('something else entirely')),
  );
  await askAgent(agent, 'GET', `/secrets/proof/${value.toString()}/value`);
}

async function withWrongKey(agent: Agent, path: string, value: Buffer): Promise<void> {
  const { request } = await import('node:https');
  await new Promise<void>((resolve, reject) => {
    const sent = request(
      `${agent.url}/api/v1${path}`,
      {
        method: 'PUT',
        ca: readFileSync(agent.caFile),
        headers: {
          authorization: `Bearer kfa_${value.toString('hex')}`,
          'content-type': 'application/json',
          'user-agent': `curl/${value.toString('hex')}`,
        },
      },
      (answer) => answer.resume().once('end', resolve),
    );
    sent.once('error', reject);
    sent.end(`{"value": "${value.toString('base64')}"`);
  });
}
