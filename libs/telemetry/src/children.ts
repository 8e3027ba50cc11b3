/** Labelled children of a metric, looked up once per value: finding one by its labels is what costs on a hot path. */
export function children<Key extends string, Child>(make: (key: Key) => Child): (key: Key) => Child {
  const known = new Map<Key, Child>();
  return (key) => {
    let child = known.get(key);
    if (child === undefined) known.set(key, (child = make(key)));
    return child;
  };
}
