import { type PolicyDocument, policyDocument } from '@keyfleet/contracts';

/** A beginning for a policy: what it is good for, and the few things that have to be filled in. */
export interface PolicyTemplate {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly about: string;
    /** Makes sense as it stands, so that a template can be tried before anything is filled in. */
    readonly example: string;
  }[];
  readonly make: (given: Readonly<Record<string, string>>) => PolicyDocument;
}

type Parameter = PolicyTemplate['parameters'][number];

const PATHS: Parameter = { name: 'paths', about: 'Which secrets, as a path pattern', example: 'team/app/**' };
const PRINCIPAL: Parameter = {
  name: 'principal',
  about: 'Who: a name such as app:billing, or a group such as @ops',
  example: 'app:billing',
};
const ZONE: Parameter = {
  name: 'zone',
  about: 'Time zone of the clock that counts',
  example: 'Europe/Zurich',
};
const READS = ['read', 'list', 'versions'] as const;

/** What most organisations begin with. Every one parses, type-checks and is free of conflicts as it stands. */
export const TEMPLATES: readonly PolicyTemplate[] = [
  template({
    ...{ id: 'least-privilege', title: 'Least privilege' },
    about: 'One workload reads its own secrets, and nothing else.',
    parameters: [PRINCIPAL, PATHS],
    statements: ({ principal, paths }) => [
      { id: 'read-own', effect: 'allow', principals: [principal], actions: READS, resources: [paths] },
    ],
  }),
  template({
    ...{ id: 'break-glass', title: 'Break glass' },
    about: 'In an emergency people on call may read everything: with a second factor, and after saying why.',
    parameters: [
      { ...PRINCIPAL, example: '@oncall' },
      { ...PATHS, example: '**' },
    ],
    statements: ({ principal, paths }) => [
      {
        ...{ id: 'emergency', effect: 'allow', principals: [principal], actions: READS, resources: [paths] },
        condition: 'secondFactor && reason != ""',
      },
    ],
  }),
  template({
    ...{ id: 'working-hours', title: 'Working hours' },
    about:
      'Changes are refused at night and on weekends; reading goes on. Denies only, so other policies still allow.',
    parameters: [{ ...PRINCIPAL, example: '*' }, PATHS, ZONE],
    statements: ({ principal, paths, zone }) => [
      {
        ...{ id: 'no-changes-after-hours', effect: 'deny', principals: [principal], resources: [paths] },
        actions: ['create', 'update', 'delete', 'rotate', 'rollback'],
        condition: `!(time.getDayOfWeek("${zone}") in [1, 2, 3, 4, 5] && time.timeOfDay("${zone}") >= "08:00" && time.timeOfDay("${zone}") < "18:00")`,
      },
    ],
  }),
  template({
    ...{ id: 'ci-only', title: 'CI only' },
    about: 'Only the build system, from its own network, writes these secrets; nobody else may.',
    parameters: [
      { ...PRINCIPAL, example: 'ci:deploy' },
      PATHS,
      { name: 'network', about: 'Where the build system comes from', example: '10.20.0.0/16' },
    ],
    statements: ({ principal, paths, network }) => [
      {
        ...{ id: 'ci-writes', effect: 'allow', principals: [principal], resources: [paths] },
        actions: ['create', 'update', 'rotate', ...READS],
        condition: `address.inNetwork("${network}")`,
      },
      {
        ...{ id: 'nobody-else-writes', effect: 'deny', principals: ['*'], resources: [paths] },
        actions: ['create', 'update', 'delete', 'rotate', 'rollback'],
        condition: `principal != "${principal}"`,
      },
    ],
  }),
  template({
    ...{ id: 'two-person', title: 'Two persons' },
    about:
      'What destroys needs a group that a second person gives for the occasion and takes back; whoever asks cannot give it to themselves.',
    parameters: [PATHS, { name: 'group', about: 'The group given for the occasion', example: 'approved' }],
    statements: ({ paths, group }) => [
      {
        ...{ id: 'never-alone', effect: 'deny', principals: ['*'], resources: [paths] },
        actions: ['delete', 'rollback'],
        condition: `!("${group}" in groups)`,
      },
    ],
  }),
];

interface Outline extends Omit<PolicyTemplate, 'make'> {
  readonly statements: (given: Record<string, string>) => readonly unknown[];
}

/** What is filled in goes through the schema like everything from outside; a ZodError names the place. */
function template({ statements, ...about }: Outline): PolicyTemplate {
  const examples = Object.fromEntries(about.parameters.map(({ name, example }) => [name, example]));
  return {
    ...about,
    make: (given) => policyDocument.parse({ statements: statements({ ...examples, ...given }) }),
  };
}
