import {
  Anchor,
  Button,
  Code,
  Group,
  Loader,
  NativeSelect,
  Stack,
  Table,
  TagsInput,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { Empty } from '../../lists/empty';
import { Outdated } from '../../lists/outdated';
import { Unread } from '../../lists/unread';
import { ACTIONS } from '../actions';
import { PoliciesNav } from '../policies-nav';
import type { AccessAnswer } from '../policy-api';
import { whoCanQuery } from '../policy-api';
import { notShown } from './not-shown';

/** Asks the published policies who may do what with which secrets, and when. */
export function WhoCanPage() {
  const { org } = useParams({ from: '/orgs/$org' });
  const { asked, ...question } = useSearch({ from: '/orgs/$org/policies/who-can' });
  const answer = useQuery({ ...whoCanQuery(org, question), enabled: asked === true });
  return (
    <Stack>
      <Title order={1} size="h3">
        Who can do what
      </Title>
      <PoliciesNav org={org} />
      <Text size="sm" c="dimmed">
        Of what is published. What is left empty is asked for all of its kind.
      </Text>
      <QuestionForm org={org} />
      {asked && answer.isPending && <Loader />}
      <Unread query={answer} title="That was not answered" />
      <Outdated query={answer}>Policies changed since this was answered.</Outdated>
      {answer.data && <Answers org={org} answer={answer.data} />}
    </Stack>
  );
}

function QuestionForm({ org }: { readonly org: string }) {
  const search = useSearch({ from: '/orgs/$org/policies/who-can' });
  const navigate = useNavigate();
  const [principal, setPrincipal] = useState(search.principal ?? '');
  const [groups, setGroups] = useState<string[]>([...(search.groups ?? [])]);
  const [action, setAction] = useState(search.action ?? '');
  const [path, setPath] = useState(search.path ?? '');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void navigate({
      to: '/orgs/$org/policies/who-can',
      params: { org },
      search: {
        asked: true,
        principal: principal.trim() || undefined,
        groups: groups.length > 0 ? groups : undefined,
        action: action || undefined,
        path: path.trim() || undefined,
      },
    });
  };
  return (
    <form onSubmit={submit}>
      <Group align="flex-end">
        <TextInput
          label="Who"
          placeholder="app:billing"
          value={principal}
          onChange={(event) => setPrincipal(event.currentTarget.value)}
        />
        <TagsInput
          label="In the groups"
          placeholder="ops"
          value={groups}
          onChange={setGroups}
          acceptValueOnBlur
        />
        <NativeSelect
          label="May do"
          data={[
            { value: '', label: 'anything' },
            ...ACTIONS.filter((one) => one !== '*').map((one) => ({ value: one, label: one })),
          ]}
          value={action}
          onChange={(event) => setAction(event.currentTarget.value)}
        />
        <TextInput
          label="With the secret"
          placeholder="team/app/db"
          value={path}
          onChange={(event) => setPath(event.currentTarget.value)}
        />
        <Button type="submit">Ask</Button>
      </Group>
    </form>
  );
}

function Answers({ org, answer }: { readonly org: string; readonly answer: AccessAnswer }) {
  if (answer.items.length === 0)
    return <Empty title="Nobody">No published policy allows this to anybody.</Empty>;
  return (
    <Stack gap="xs">
      <AnswersTable org={org} items={answer.items} />
      {answer.more > 0 && (
        <Text size="sm" c="dimmed" data-testid="more-answers">
          {notShown(answer.more)} Ask for less to see them.
        </Text>
      )}
    </Stack>
  );
}

interface AnswersTableProps {
  readonly org: string;
  readonly items: AccessAnswer['items'];
}

function AnswersTable({ org, items }: AnswersTableProps) {
  return (
    <Table.ScrollContainer minWidth={760}>
      <Table verticalSpacing="xs" aria-label="Answers" data-testid="answers">
        <Table.Thead>
          <Table.Tr>
            {['Who', 'May do', 'With', 'When', 'By'].map((name) => (
              <Table.Th key={name}>{name}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {items.map(({ statement, principals, actions, resources, when }) => (
            <Table.Tr key={`${statement.policyId} ${statement.statement} ${when}`}>
              <Table.Td>
                <Codes values={principals} />
              </Table.Td>
              <Table.Td>
                <Codes values={actions} />
              </Table.Td>
              <Table.Td>
                <Codes values={resources} />
              </Table.Td>
              <Table.Td>{when ?? 'always'}</Table.Td>
              <Table.Td>
                <Anchor component={Link} to={`/orgs/${org}/policies/${statement.policyId}`} size="sm">
                  {statement.statement}
                </Anchor>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Codes({ values }: { readonly values: readonly string[] }) {
  return (
    <Group gap={4}>
      {values.map((value) => (
        <Code key={value} style={{ overflowWrap: 'anywhere' }}>
          {value}
        </Code>
      ))}
    </Group>
  );
}
