/** One instruction of a Dockerfile; lines that go on are joined. */
export interface Instruction {
  readonly name: string;
  readonly text: string;
}

export interface Stage {
  readonly name: string;
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

export interface Copy {
  readonly from?: string;
  readonly sources: readonly string[];
  readonly target: string;
}

export interface Dockerfile {
  readonly args: Readonly<Record<string, string>>;
  readonly stages: readonly Stage[];
}

export function parseDockerfile(text: string): Dockerfile {
  const args: Record<string, string> = {};
  const stages: { name: string; base: string; instructions: Instruction[] }[] = [];
  for (const instruction of instructionsOf(text)) {
    const current = stages.at(-1);
    if (instruction.name === 'FROM') {
      const [base = '', , name = String(stages.length)] = instruction.text.split(/\s+/);
      stages.push({ name, base, instructions: [] });
    } else if (current) current.instructions.push(instruction);
    else if (instruction.name === 'ARG') {
      const [name = '', value = ''] = instruction.text.split('=');
      args[name] = value;
    }
  }
  return { args, stages };
}

function instructionsOf(text: string): Instruction[] {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*(?:#|$)/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n');
  return lines.map((line) => {
    const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line.trim()) ?? [];
    return { name: name.toUpperCase(), text: rest.trim() };
  });
}

export function copiesOf(stage: Stage): Copy[] {
  return stage.instructions
    .filter(({ name }) => name === 'COPY')
    .map(({ text }) => {
      const words = text.split(/\s+/);
      const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length);
      const places = words.filter((word) => !word.startsWith('--'));
      return { from, sources: places.slice(0, -1), target: places.at(-1) ?? '' };
    });
}

export function last(stage: Stage, name: string): string | undefined {
  return stage.instructions.findLast((instruction) => instruction.name === name)?.text;
}

/** What is wrong with an image's description, one sentence each. */
export function judgeDockerfile(file: Dockerfile): string[] {
  const faults: string[] = [];
  const runtime = file.stages.at(-1);
  if (!runtime || file.stages.length < 2) return ['it has one stage only'];
  const base = (stage: Stage): string =>
    stage.base.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => file.args[name] ?? '');
  for (const stage of file.stages)
    if (!/^[a-z0-9./-]+:\d+\.\d+\.\d+[a-z0-9.-]*(?:@sha256:[0-9a-f]{64})?$/.test(base(stage)))
      faults.push(`the base of ${stage.name} is not pinned`);
  if (!/slim|alpine|distroless/.test(base(runtime))) faults.push('the runtime stage is not slim');
  const user = last(runtime, 'USER')?.split(':')[0] ?? '';
  if (!/^[1-9]\d*$/.test(user)) faults.push('it does not end as a numbered user other than root');
  if (!last(runtime, 'HEALTHCHECK')) faults.push('it has no HEALTHCHECK');
  if (copiesOf(runtime).some(({ from }) => from !== file.stages[0]?.name))
    faults.push('the runtime stage takes files from elsewhere than the build');
  return faults;
}
