import type { ConvergenceCertificate } from '@keyfleet/contracts/http';
import {
  Anchor,
  Button,
  Code,
  CopyButton,
  Group,
  Loader,
  Paper,
  Stack,
  Table,
  Text,
  Title,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams, useSearch } from '@tanstack/react-router';
import { download } from '../../lists/download';
import { Empty } from '../../lists/empty';
import { Unread } from '../../lists/unread';
import { reasonText } from '../agents/reasons';
import { PoliciesNav } from '../policies-nav';
import { certificateQuery, short } from '../policy-api';
import { AgentPolicyBadge } from '../policy-state';

/** A signed statement of which agents run a version and which do not, and why. */
export function CertificatePage() {
  const { org, certificate: id } = useParams({ from: '/orgs/$org/policies/certificates/$certificate' });
  const query = useQuery(certificateQuery(org, id));
  const unread = <Unread query={query} title="The certificate could not be read" />;
  if (query.data === undefined) return query.isError ? unread : <Loader />;
  return (
    <Stack>
      {unread}
      <PoliciesNav org={org} />
      <Group justify="space-between">
        <Title order={1} size="h3">
          Convergence certificate
        </Title>
        <Button
          variant="default"
          onClick={() =>
            download(
              `convergence-${query.data.version}-${id.slice(0, 12)}.json`,
              'application/json',
              `${JSON.stringify(query.data, null, 2)}\n`,
            )
          }
        >
          Download
        </Button>
      </Group>
      <Facts org={org} certificate={query.data} />
      <Agents org={org} certificate={query.data} />
    </Stack>
  );
}

interface CertificateProps {
  readonly org: string;
  readonly certificate: ConvergenceCertificate;
}

function Facts({ org, certificate }: CertificateProps) {
  const { policyId, version, at, converged, divergent, key, signature, text } = certificate;
  const here = `/orgs/${org}/policies/certificates/${certificate.id}`;
  return (
    <Paper withBorder p="md" data-testid="certificate">
      <Stack gap="xs">
        <Text>
          At <time dateTime={at}>{at}</time>, version {version} of{' '}
          <Anchor component={Link} to={`/orgs/${org}/policies/${policyId}?tab=versions`}>
            this policy
          </Anchor>{' '}
          was run by{' '}
          <Anchor component={Link} to={`${here}?state=converged`}>
            {converged} {converged === 1 ? 'agent' : 'agents'}
          </Anchor>{' '}
          and not by{' '}
          <Anchor component={Link} to={`${here}?state=divergent`}>
            {divergent} that should
          </Anchor>
          .
        </Text>
        <Text size="sm" c="dimmed">
          The signature is over the text below; the text names the SHA-256 of the list of agents in canonical
          JSON, so anybody with the public key can check both without us.
        </Text>
        <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
          {text}
        </Code>
        <Signed label="Key" value={key} />
        <Signed label="Signature" value={signature} />
      </Stack>
    </Paper>
  );
}

function Signed({ label, value }: { readonly label: string; readonly value: string }) {
  return (
    <Group gap="xs" wrap="nowrap">
      <Text size="sm" c="dimmed" w={70}>
        {label}
      </Text>
      <Code style={{ overflowWrap: 'anywhere' }}>{value}</Code>
      <CopyButton value={value}>
        {({ copied, copy }) => (
          <Button
            size="compact-xs"
            variant="light"
            onClick={copy}
            aria-label={`Copy the ${label.toLowerCase()}`}
          >
            {copied ? 'Copied' : 'Copy'}
          </Button>
        )}
      </CopyButton>
    </Group>
  );
}

function Agents({ org, certificate }: CertificateProps) {
  const { state } = useSearch({ from: '/orgs/$org/policies/certificates/$certificate' });
  const rows = certificate.agents.filter((agent) => {
    if (state === undefined) return true;
    return state === 'divergent' ? agent.state !== 'converged' : agent.state === state;
  });
  if (rows.length === 0)
    return (
      <Empty title={state === undefined ? 'No agents' : 'No agent in this state'}>
        {state === undefined ? 'The policy was meant for no agent then.' : 'All of them are in another.'}
      </Empty>
    );
  return (
    <Table verticalSpacing="xs" aria-label="Agents in the certificate">
      <Table.Thead>
        <Table.Tr>
          {['Agent', 'State', 'Ran', 'Why'].map((name) => (
            <Table.Th key={name}>{name}</Table.Th>
          ))}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rows.map((agent) => (
          <Table.Tr key={agent.agentId} data-agent={agent.agentId} data-state={agent.state}>
            <Table.Td>
              <Anchor
                component={Link}
                to={`/orgs/${org}/agents/${agent.agentId}`}
                size="sm"
                ff="monospace"
                title={agent.agentId}
              >
                {short(agent.agentId)}
              </Anchor>
            </Table.Td>
            <Table.Td>
              <AgentPolicyBadge state={agent.state} />
            </Table.Td>
            <Table.Td>
              <Text size="xs" ff="monospace" title={agent.actual ?? undefined}>
                {agent.actual?.slice(0, 12) ?? '–'}
              </Text>
            </Table.Td>
            <Table.Td>{reasonText(agent.reason)}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
