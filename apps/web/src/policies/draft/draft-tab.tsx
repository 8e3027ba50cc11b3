import type { PolicyCheck, PolicyView } from '@keyfleet/contracts/http';
import { Grid, SegmentedControl, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useRef, useState } from 'react';
import { Empty } from '../../lists/empty';
import { useSettled } from '../../time/settled';
import { checkQuery } from '../policy-api';
import { Conflicts } from './conflicts';
import { offsetOf, placeOf, printStatements, readStatements, type StatementDraft } from './document-text';
import { DraftBar } from './draft-bar';
import { Problems } from './problems';
import { StatementsBuilder } from './statements-builder';
import { TextEditor } from './text-editor';
import { useDraftText } from './use-draft-text';

/** How long a writer pauses before what stands there is checked. */
const PAUSE_MS = 350;
type View = 'builder' | 'yaml' | 'json';

export function DraftTab({ org, policy }: { readonly org: string; readonly policy: PolicyView }) {
  if (policy.state === 'retired')
    return <Empty title="Retired">A retired policy gets no more drafts. Begin a new one instead.</Empty>;
  return <DraftEditor org={org} policy={policy} />;
}

/** The text is the truth; the builder shows it and writes it. */
function DraftEditor({ org, policy }: { readonly org: string; readonly policy: PolicyView }) {
  const draft = useDraftText(policy);
  const [view, setView] = useState<View>('builder');
  const [open, setOpen] = useState<number | null>(null);
  const editor = useRef<HTMLTextAreaElement>(null);
  const check = useQuery(checkQuery(org, useSettled(draft.text, PAUSE_MS), policy.id));
  const statements = useMemo(() => readStatements(draft.text), [draft.text]);
  const problems = check.data?.problems ?? [];

  const change = (next: readonly StatementDraft[]) => draft.setText(printStatements(next, 'yaml'));
  const show = (next: View) => {
    if (statements && next !== 'builder') draft.setText(printStatements(statements, next));
    setView(next);
  };
  const showProblem = ({ pointer, line, column }: PolicyCheck['problems'][number]) => {
    const place = placeOf(pointer);
    if (view === 'builder' && place && statements) return setOpen(place.index);
    const offset = offsetOf(draft.text, line, column);
    editor.current?.focus();
    editor.current?.setSelectionRange(offset, offset);
  };
  const showStatement = (id: string) => {
    setView('builder');
    setOpen(statements?.findIndex((one) => one.id === id) ?? null);
  };

  return (
    <Stack>
      <DraftBar org={org} policy={policy} draft={draft} sound={check.isSuccess && problems.length === 0} />
      <SegmentedControl
        aria-label="How to write it"
        value={view}
        onChange={(value) => show(value as View)}
        data={[
          { value: 'builder', label: 'Builder' },
          { value: 'yaml', label: 'YAML' },
          { value: 'json', label: 'JSON' },
        ]}
        style={{ alignSelf: 'flex-start' }}
      />
      <Grid>
        <Grid.Col span={{ base: 12, md: 8 }}>
          {view !== 'builder' && (
            <TextEditor
              text={draft.text}
              onChange={draft.setText}
              wrong={new Set(problems.map(({ line }) => line))}
              editor={editor}
            />
          )}
          {view === 'builder' && statements && (
            <StatementsBuilder
              statements={statements}
              problems={problems}
              readings={check.data?.readings ?? {}}
              open={open}
              onOpen={setOpen}
              onChange={change}
            />
          )}
          {view === 'builder' && !statements && (
            <Empty title="Only the text can show this">
              It says something that no statement has, or is no YAML. Mend it as text; the problems are named
              beside it.
            </Empty>
          )}
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 4 }}>
          <Findings
            org={org}
            policyId={policy.id}
            check={check}
            onProblem={showProblem}
            onStatement={showStatement}
          />
        </Grid.Col>
      </Grid>
    </Stack>
  );
}

interface FindingsProps {
  readonly org: string;
  readonly policyId: string;
  readonly check: {
    readonly data: PolicyCheck | undefined;
    readonly error: Error | null;
    readonly isFetching: boolean;
  };
  readonly onProblem: (problem: PolicyCheck['problems'][number]) => void;
  readonly onStatement: (id: string) => void;
}

/** What is wrong with the text, and what its statements do to each other. */
function Findings({ org, policyId, check, onProblem, onStatement }: FindingsProps) {
  return (
    <Stack>
      <Title order={2} size="h5">
        Problems
      </Title>
      <Problems check={check} onShow={onProblem} />
      <Title order={2} size="h5">
        Conflicts
      </Title>
      {check.data && check.data.problems.length === 0 ? (
        <Conflicts
          org={org}
          policyId={policyId}
          conflicts={check.data.conflicts}
          more={check.data.more}
          undecided={check.data.undecided}
          onShow={onStatement}
        />
      ) : (
        <Text size="sm" c="dimmed">
          Looked for as soon as the text has no problems.
        </Text>
      )}
    </Stack>
  );
}
