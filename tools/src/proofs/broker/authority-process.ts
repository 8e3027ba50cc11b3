import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** What an agent is given at enrolment, as far as the broker is concerned. */
export interface IssuedIdentity {
  readonly certificate: string;
  readonly jwt: string;
  readonly expiresAt: string;
  readonly trustBundle: readonly string[];
}

export interface IssueRequest {
  readonly orgId: string;
  readonly agentId: string;
  readonly csr: string;
  readonly nkey: string;
}

type Answer =
  | { readonly n: number; readonly ok: true; readonly value?: unknown }
  | { readonly n: number; readonly ok: false; readonly code: string };

/** A registry's authority, running as a process of its own. */
export class AuthorityProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #exited: Promise<unknown>;
  #last = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, 'exit');
    child.on('message', (answer: Answer) => {
      this.#waiting.get(answer.n)?.(answer);
      this.#waiting.delete(answer.n);
    });
    // A message to a child that is just dying: its exit answers for it.
    child.on('error', () => {});
    child.on('exit', () => {
      for (const [n, resolve] of this.#waiting) resolve({ n, ok: false, code: 'gone' });
      this.#waiting.clear();
    });
  }

  static async start(script: string, env: Readonly<Record<string, string>>): Promise<AuthorityProcess> {
    const child = fork(script, [], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const authority = new AuthorityProcess(child);
    await authority.#answer(0, () => {});
    return authority;
  }

  async isReady(): Promise<boolean> {
    return (await this.#ask({ call: 'ready' })) === true;
  }

  /** Throws an error whose message is the refusal's code. */
  async issue(request: IssueRequest): Promise<IssuedIdentity> {
    return (await this.#ask({ call: 'issue', request })) as IssuedIdentity;
  }

  async revoke(agent: { agentId: string; nkey: string; expiresAt: string }): Promise<void> {
    const { agentId, nkey, expiresAt: jwtExpiresAt } = agent;
    await this.#ask({ call: 'revoke', agentId, nkey, jwtExpiresAt });
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async #ask(request: object): Promise<unknown> {
    const n = ++this.#last;
    const answer = await this.#answer(n, () => this.#child.send({ n, ...request }));
    if (!answer.ok) throw new Error(answer.code);
    return answer.value;
  }

  #answer(n: number, send: () => void): Promise<Answer> {
    return new Promise((resolve) => {
      this.#waiting.set(n, resolve);
      send();
    });
  }
}
