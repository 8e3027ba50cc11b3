import { AT_ONCE, CAREFULLY, type PolicyDocument } from '@keyfleet/contracts';
import { fold } from '@keyfleet/kernel';
import { deciderSpec } from '@keyfleet/testing';
import type { DraftPolicy, HaltRollout, PolicyCommand, ReviewPolicy } from './commands.js';
import { policy } from './decide.js';
import { POLICY_MAX_ASSIGNMENTS, type PolicyFact } from './policy.js';

const given = deciderSpec(policy);
const policyId = 'pol_1';
const documentOf = (action: 'read' | 'update'): PolicyDocument => ({
  statements: [{ id: 'one', effect: 'allow', principals: ['app:a'], actions: [action], resources: ['a/**'] }],
});
const [document, other] = [documentOf('read'), documentOf('update')];
const [hash, otherHash] = ['a'.repeat(64), 'b'.repeat(64)];
const [author, reviewer, token] = ['usr_author', 'usr_reviewer', 'tok_reviewers'];

type Fact<T extends PolicyFact['type']> = Extract<PolicyFact, { type: T }>;
const fact = <T extends PolicyFact['type']>(
  type: T,
  data: Omit<Fact<T>['data'], 'policyId'>,
  actor?: string,
): PolicyFact =>
  ({
    ...{ type, v: 1, data: { policyId, ...data } },
    ...(actor !== undefined && { metadata: { actor } }),
  }) as unknown as PolicyFact;

const drafted = fact('PolicyDrafted', { name: 'A', draft: 1, document, hash, basedOn: null }, author);
const requested = fact('PolicyReviewRequested', { draft: 1, hash, comment: null });
const verdict = (said: 'approved' | 'rejected') =>
  fact('PolicyReviewed', { draft: 1, hash, verdict: said, comment: null });
const published = fact('PolicyPublished', { version: 1, hash, document, draft: 1, restores: null });
const started = fact('RolloutStarted', { version: 1, from: null, plan: AT_ONCE });
const completed = fact('RolloutCompleted', { version: 1, agents: 3 });
const first = [drafted, verdict('approved'), published, started, completed];

const secondDraft = fact(
  'PolicyDrafted',
  { name: 'A', draft: 2, document: other, hash: otherHash, basedOn: 1 },
  author,
);
const rollingOut = [
  ...first,
  secondDraft,
  fact('PolicyReviewed', { draft: 2, hash: otherHash, verdict: 'approved', comment: null }),
  fact('PolicyPublished', { version: 2, hash: otherHash, document: other, draft: 2, restores: null }),
  fact('RolloutStarted', { version: 2, from: 1, plan: CAREFULLY }),
];
const at = (wave: number) => fact('RolloutAdvanced', { version: 2, wave });
const paused = fact('RolloutPaused', { version: 2, wave: 0 });
const nobody = { reason: 'requested', rejected: 0, denied: 0, agents: 0 } as const;
const halted = fact('RolloutHalted', { version: 2, wave: 0, from: 1, ...nobody });
const retired = fact('PolicyRetired', {});

const draft: DraftPolicy = { type: 'DraftPolicy', policyId, name: 'A', document, hash, existing: false };
const again: DraftPolicy = { ...draft, existing: true };
const review: ReviewPolicy = {
  ...{ type: 'ReviewPolicy', reviewer, reviewersTokens: [token], hash, verdict: 'approved', comment: null },
};
const publish = { type: 'PublishPolicy', restore: null, plan: AT_ONCE } as const;
const retire = { type: 'RetirePolicy' } as const;

describe('the draft of a policy', () => {
  it('makes the policy, and takes the place of the one before', () => {
    given()
      .when(draft)
      .then(fact('PolicyDrafted', { name: 'A', draft: 1, document, hash, basedOn: null }));
    given(drafted).when(draft).thenRefused('resource.exists');
    given().when(again).thenRefused('resource.not-found');
    given(drafted)
      .when({ ...again, document: other, hash: otherHash })
      .then(fact('PolicyDrafted', { name: 'A', draft: 2, document: other, hash: otherHash, basedOn: null }));
    given(...first)
      .when({ ...again, name: 'B' })
      .then(fact('PolicyDrafted', { name: 'B', draft: 2, document, hash, basedOn: 1 }));
  });

  it('gets no fact for the same words, and another number after it was discarded', () => {
    given(drafted).when(again).thenNothing();
    const discarded = fact('PolicyDraftDiscarded', { draft: 1 });
    given(drafted).when({ type: 'DiscardDraft' }).then(discarded);
    given(drafted, discarded).when({ type: 'DiscardDraft' }).thenRefused('resource.conflict');
    given(drafted, discarded)
      .when(again)
      .then(fact('PolicyDrafted', { name: 'A', draft: 2, document, hash, basedOn: null }));
  });
});

describe('a draft that says what it replaces', () => {
  const mine = { ...again, document: other, hash: otherHash };
  const discarded = fact('PolicyDraftDiscarded', { draft: 1 });

  it('repro-lost-draft: is refused where somebody else wrote another one meanwhile', () => {
    given(drafted)
      .when({ ...mine, replaces: hash })
      .then(fact('PolicyDrafted', { name: 'A', draft: 2, document: other, hash: otherHash, basedOn: null }));
    given(drafted)
      .when({ ...mine, replaces: 'c'.repeat(64) })
      .thenRefused('resource.conflict');
    given(drafted)
      .when({ ...mine, replaces: null })
      .thenRefused('resource.conflict');
    given(drafted, discarded)
      .when({ ...mine, replaces: hash })
      .thenRefused('resource.conflict');
    given(drafted, discarded)
      .when({ ...mine, replaces: null })
      .then(fact('PolicyDrafted', { name: 'A', draft: 2, document: other, hash: otherHash, basedOn: null }));
  });

  it('is no other draft where it was published, and none where it stands already', () => {
    given(...first)
      .when({ ...mine, replaces: hash })
      .thenRefused('resource.conflict');
    given(...first)
      .when({ ...mine, replaces: null })
      .then({ ...secondDraft, metadata: undefined });
    // Its answer was lost, and it is sent once more.
    given(...first, secondDraft)
      .when({ ...mine, replaces: null })
      .thenNothing();
  });

  it('repro-lost-draft: is not discarded by whoever saw another one', () => {
    given(drafted).when({ type: 'DiscardDraft', hash }).then(discarded);
    given(drafted).when({ type: 'DiscardDraft', hash: otherHash }).thenRefused('resource.conflict');
    given(...first, secondDraft)
      .when({ type: 'DiscardDraft', hash })
      .thenRefused('resource.conflict');
  });

  it('begins a policy where it replaces nothing', () => {
    given()
      .when({ ...draft, replaces: null })
      .then({ ...drafted, metadata: undefined });
    given()
      .when({ ...draft, replaces: hash })
      .thenRefused('resource.conflict');
  });
});

describe('a review', () => {
  it('is asked for once, and again after a rejection', () => {
    const ask = { type: 'RequestReview', comment: null } as const;
    given(drafted).when(ask).then(requested);
    given(drafted, requested).when(ask).thenNothing();
    given(drafted, requested, verdict('approved')).when(ask).thenNothing();
    given(drafted, requested, verdict('rejected')).when(ask).then(requested);
    given(...first)
      .when(ask)
      .thenRefused('resource.conflict');
  });

  it('is by somebody else than the author', () => {
    given(drafted).when(review).then(verdict('approved'));
    given(drafted)
      .when({ ...review, reviewer: author })
      .thenRefused('policy.own-review');
  });

  it('is not by one person who is two with the help of a token', () => {
    given(drafted)
      .when({ ...review, reviewer: token })
      .thenRefused('policy.own-review');
    const byToken = { ...drafted, metadata: { actor: token } } as PolicyFact;
    given(byToken).when(review).thenRefused('policy.own-review');
    given(byToken)
      .when({ ...review, reviewersTokens: [] })
      .then(verdict('approved'));
  });

  it('is of exactly the draft that was read, and says a thing once', () => {
    given(drafted)
      .when({ ...review, hash: otherHash })
      .thenRefused('resource.conflict');
    given(drafted, verdict('approved')).when(review).thenNothing();
    given(drafted, verdict('approved'))
      .when({ ...review, verdict: 'rejected' })
      .then(verdict('rejected'));
  });
});

describe('publishing', () => {
  it('needs the approval of this very draft', () => {
    given(drafted).when(publish).thenRefused('policy.not-reviewed');
    given(drafted, requested).when(publish).thenRefused('policy.not-reviewed');
    given(drafted, verdict('rejected')).when(publish).thenRefused('policy.not-reviewed');
    given(drafted, verdict('approved'), verdict('rejected')).when(publish).thenRefused('policy.not-reviewed');
    given(drafted, verdict('approved'), secondDraft).when(publish).thenRefused('policy.not-reviewed');
    given(drafted, secondDraft, verdict('approved')).when(publish).thenRefused('policy.not-reviewed');
    given(...first)
      .when(publish)
      .thenRefused('resource.conflict');
  });

  it('makes a version and begins to roll it out in one', () => {
    given(drafted, verdict('approved')).when(publish).then(published, started);
    given(...rollingOut.slice(0, -2))
      .when({ ...publish, plan: CAREFULLY })
      .then(...rollingOut.slice(-2));
  });

  it('repro-unseen-draft: is of what its publisher saw, where that is said', () => {
    const approved = [drafted, verdict('approved')];
    given(...approved)
      .when({ ...publish, hash })
      .then(published, started);
    given(...approved)
      .when({ ...publish, hash: otherHash })
      .thenRefused('resource.conflict');
    given(...rollingOut.slice(0, -2))
      .when({ ...publish, hash })
      .thenRefused('resource.conflict');
    given(...first, secondDraft)
      .when({ ...publish, hash })
      .thenRefused('resource.conflict');
    given(...rollingOut, halted)
      .when({ ...publish, restore: 2, hash })
      .thenRefused('resource.conflict');
    given(...rollingOut, halted)
      .when({ ...publish, restore: 2, hash: otherHash })
      .then(
        fact('PolicyPublished', { version: 3, hash: otherHash, document: other, draft: null, restores: 2 }),
        fact('RolloutStarted', { version: 3, from: 1, plan: AT_ONCE }),
      );
  });

  it('waits for a rollout under way, also for a paused one', () => {
    for (const facts of [rollingOut, [...rollingOut, at(1), paused]]) {
      given(...facts)
        .when({ ...publish, restore: 1 })
        .thenRefused('policy.rollout-running');
    }
  });

  it('goes back to an older version under a new number, and keeps the draft', () => {
    const done = [...rollingOut, at(1), at(2), fact('RolloutCompleted', { version: 2, agents: 3 })];
    given(...done)
      .when({ ...publish, restore: 1 })
      .then(
        fact('PolicyPublished', { version: 3, hash, document, draft: null, restores: 1 }),
        fact('RolloutStarted', { version: 3, from: 2, plan: AT_ONCE }),
      );
    given(...done)
      .when({ ...publish, restore: 3 })
      .thenRefused('resource.not-found');
    given(...done)
      .when({ ...publish, restore: 2 })
      .thenRefused('resource.conflict');
    const back = fact('PolicyPublished', { version: 2, hash, document, draft: null, restores: 1 });
    const state = fold(policy, [...first, secondDraft, back]);
    expect(state).toMatchObject({ draft: { draft: 2 } });
  });

  it('tries a halted version again, and never rolls back to it', () => {
    given(...rollingOut, halted)
      .when({ ...publish, restore: 2 })
      .then(
        fact('PolicyPublished', { version: 3, hash: otherHash, document: other, draft: null, restores: 2 }),
        fact('RolloutStarted', { version: 3, from: 1, plan: AT_ONCE }),
      );
  });
});

describe('a rollout under control', () => {
  const ask = (action: 'pause' | 'resume' | 'advance' | 'halt') =>
    ({ type: 'ControlRollout', action }) as const;

  it('is paused, resumed, advanced and halted', () => {
    given(...rollingOut)
      .when(ask('pause'))
      .then(paused);
    given(...rollingOut, paused)
      .when(ask('pause'))
      .thenNothing();
    given(...rollingOut, paused)
      .when(ask('resume'))
      .then(fact('RolloutResumed', { version: 2, wave: 0 }));
    given(...rollingOut)
      .when(ask('resume'))
      .thenNothing();
    given(...rollingOut)
      .when(ask('advance'))
      .then(at(1));
    given(...rollingOut, paused)
      .when(ask('advance'))
      .thenRefused('resource.conflict');
    given(...rollingOut)
      .when(ask('halt'))
      .then(halted);
    given(...rollingOut, paused)
      .when(ask('halt'))
      .then(halted);
  });

  it('repro: is completed by a person who goes on from its last wave, whoever has not answered', () => {
    const uncounted = fact('RolloutCompleted', { version: 2, agents: 0 });
    given(...rollingOut, at(1), at(2))
      .when(ask('advance'))
      .then(uncounted);
    given(...first.slice(0, -1))
      .when(ask('advance'))
      .then(fact('RolloutCompleted', { version: 1, agents: 0 }));
    for (const facts of [[paused], [uncounted], [halted]])
      given(...rollingOut, at(1), at(2), ...facts)
        .when(ask('advance'))
        .thenRefused('resource.conflict');
  });

  it('goes on from the wave that was seen only, where that is said', () => {
    const from = (wave: number) => ({ ...ask('advance'), wave });
    given(...rollingOut, at(1))
      .when(from(1))
      .then(at(2));
    given(...rollingOut, at(1), at(2))
      .when(from(1))
      .thenRefused('resource.conflict');
    given(...rollingOut, at(1), at(2))
      .when(from(2))
      .then(fact('RolloutCompleted', { version: 2, agents: 0 }));
    given(drafted).when(from(0)).thenRefused('resource.conflict');
  });

  it('is not moved once it has ended, or where there is none', () => {
    for (const action of ['pause', 'resume', 'advance', 'halt'] as const) {
      for (const facts of [[drafted], first, [...rollingOut, halted]])
        given(...facts)
          .when(ask(action))
          .thenRefused('resource.conflict');
    }
  });

  it('goes on by itself from the wave that was looked at, and from no other', () => {
    const advance = { type: 'AdvanceRollout', version: 2, wave: 0 } as const;
    given(...rollingOut)
      .when(advance)
      .then(at(1));
    for (const facts of [[...rollingOut, at(1)], [...rollingOut, paused], [...rollingOut, halted], first])
      given(...facts)
        .when(advance)
        .thenNothing();
  });

  it('is complete after its last wave only', () => {
    const complete = { type: 'CompleteRollout', version: 2, agents: 9 } as const;
    given(...rollingOut)
      .when(complete)
      .thenRefused('resource.conflict');
    given(...rollingOut, at(1), at(2))
      .when(complete)
      .then(fact('RolloutCompleted', { version: 2, agents: 9 }));
    for (const facts of [[...rollingOut, halted], first, [...rollingOut, paused]])
      given(...facts)
        .when(complete)
        .thenNothing();
  });

  it('halts by itself with the figures that made it, also while paused', () => {
    const figures = { reason: 'rejected', rejected: 2, denied: 0, agents: 10 } as const;
    const halt: HaltRollout = { type: 'HaltRollout', version: 2, ...figures };
    for (const facts of [rollingOut, [...rollingOut, paused]])
      given(...facts)
        .when(halt)
        .then(fact('RolloutHalted', { version: 2, wave: 0, from: 1, ...figures }));
    for (const facts of [[...rollingOut, halted], first, [...rollingOut, retired]])
      given(...facts)
        .when(halt)
        .thenNothing();
  });
});

describe('assignments', () => {
  const target = { kind: 'organisation' } as const;
  const assigned = fact('PolicyAssigned', { assignmentId: 'organisation', target });
  const assign = { type: 'AssignPolicy', assignmentId: 'organisation', target } as const;

  it('are made once and taken away once', () => {
    given(drafted).when(assign).then(assigned);
    given(drafted, assigned).when(assign).thenNothing();
    const unassign = { type: 'UnassignPolicy', assignmentId: 'organisation' } as const;
    given(drafted, assigned)
      .when(unassign)
      .then(fact('PolicyUnassigned', { assignmentId: 'organisation' }));
    given(drafted).when(unassign).thenRefused('resource.not-found');
  });

  it('are bounded', () => {
    const many = Array.from({ length: POLICY_MAX_ASSIGNMENTS }, (_, n) =>
      fact('PolicyAssigned', { assignmentId: `agent-${n}`, target }),
    );
    given(drafted, ...many)
      .when(assign)
      .thenRefused('resource.conflict');
  });
});

describe('a retired policy', () => {
  it('ends its rollout with it', () => {
    given(...first)
      .when(retire)
      .then(retired);
    given(...rollingOut)
      .when(retire)
      .then(halted, retired);
    given(...first, retired)
      .when(retire)
      .thenNothing();
  });

  it('is not changed any more', () => {
    const commands: PolicyCommand[] = [again, publish, review, { type: 'DiscardDraft' }];
    for (const command of commands)
      given(...first, retired)
        .when(command)
        .thenRefused('resource.conflict');
    given(...first, retired)
      .when(draft)
      .thenRefused('resource.exists');
  });
});

describe('a policy that never was', () => {
  it('is not found by any command', () => {
    for (const command of [publish, review, retire, { type: 'DiscardDraft' }, again] as PolicyCommand[])
      given().when(command).thenRefused('resource.not-found');
  });
});

describe('the state of a policy', () => {
  it('is told from what is known of its stream, also where there is more', () => {
    expect(fold(policy, [{ type: 'Unheard', v: 1, data: {} } as never, ...first])).toMatchObject({
      ...{ status: 'live', inForce: 1, draft: null, rollout: { state: 'completed' } },
    });
  });
});
