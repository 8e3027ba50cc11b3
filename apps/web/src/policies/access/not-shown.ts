/** Says that an answer is not all there is. */
export function notShown(more: number): string {
  return more === 1
    ? 'One more statement allows this and is not shown.'
    : `${more} more statements allow this and are not shown.`;
}
