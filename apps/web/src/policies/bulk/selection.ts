interface Row {
  readonly id: string;
}

/** Nothing is done to what is not on screen. */
export function chosenOf<One extends Row>(
  shown: readonly One[],
  chosen: ReadonlySet<string>,
): readonly One[] {
  return shown.filter(({ id }) => chosen.has(id));
}

export function toggled(chosen: ReadonlySet<string>, id: string): ReadonlySet<string> {
  return chosen.has(id) ? new Set([...chosen].filter((one) => one !== id)) : new Set([...chosen, id]);
}

/** All that are shown, or none where all are chosen already. */
export function allToggled(shown: readonly Row[], chosen: ReadonlySet<string>): ReadonlySet<string> {
  return chosenOf(shown, chosen).length === shown.length ? new Set() : new Set(shown.map(({ id }) => id));
}
