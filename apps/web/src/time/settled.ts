import { useEffect, useState } from 'react';

/** A value that has stayed the same for so long. */
export function useSettled<Value>(value: Value, afterMs: number): Value {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const later = setTimeout(() => setSettled(value), afterMs);
    return () => clearTimeout(later);
  }, [value, afterMs]);
  return settled;
}
