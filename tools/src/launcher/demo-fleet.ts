/** The organisations and agents a first start shows. */
interface DemoOrg {
  readonly slug: string;
  readonly name: string;
}

export interface DemoAgent {
  readonly name: string;
  readonly org: string;
  readonly labels: Readonly<Record<string, string>>;
}

export const DEMO_ORGS: readonly DemoOrg[] = [
  { slug: 'acme', name: 'Acme Bank' },
  { slug: 'globex', name: 'Globex Energy' },
];

const NAMED: readonly DemoAgent[] = [
  { name: 'payments-eu', org: 'acme', labels: { env: 'prod', region: 'eu', team: 'payments' } },
  { name: 'payments-us', org: 'acme', labels: { env: 'prod', region: 'us', team: 'payments' } },
  { name: 'plant-one', org: 'globex', labels: { env: 'prod', region: 'eu', team: 'grid' } },
];

/** The first `count` agents; beyond the named ones they belong to the organisations in turn. */
export function demoAgents(count: number): DemoAgent[] {
  return Array.from({ length: count }, (_, index) => {
    const org = DEMO_ORGS[index % DEMO_ORGS.length]?.slug ?? 'acme';
    return (
      NAMED[index] ?? { name: `demo-${index + 1}`, org, labels: { env: 'dev', region: 'eu', team: 'demo' } }
    );
  });
}
