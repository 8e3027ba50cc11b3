import { useState } from 'react';
import type { BulkAction } from './bulk';
import { BulkBar } from './bulk-bar';
import { BulkDialog } from './bulk-dialog';

interface ActionsProps {
  readonly org: string;
  /** Ids of those chosen. */
  readonly policies: readonly string[];
  readonly onClear: () => void;
}

/** The bar, and the dialog it leads to; what is asked is asked of those chosen when it was opened. */
export function BulkActions({ org, policies, onClear }: ActionsProps) {
  const [asked, setAsked] = useState<{ action: BulkAction; policies: readonly string[] } | null>(null);
  const close = () => setAsked(null);
  return (
    <>
      <BulkBar count={policies.length} onAsk={(action) => setAsked({ action, policies })} onClear={onClear} />
      {asked && (
        <BulkDialog
          org={org}
          action={asked.action}
          policies={asked.policies}
          onClose={close}
          onDone={() => {
            close();
            onClear();
          }}
        />
      )}
    </>
  );
}
