import type { PolicyView } from '@keyfleet/contracts/http';
import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { Failure } from '../lists/failure';
import { usePolicyWrite } from './policy-write';

export function RetirePolicy({ org, policy }: { readonly org: string; readonly policy: PolicyView }) {
  const [asking, setAsking] = useState(false);
  const retire = usePolicyWrite<void>(org, () => ['POST', `/${policy.id}/retire`]);
  return (
    <>
      <Button color="red" variant="light" onClick={() => setAsking(true)}>
        Retire
      </Button>
      <Modal opened={asking} onClose={() => setAsking(false)} title={`Retire ${policy.name}?`}>
        <Stack>
          <Text size="sm">
            It is taken out of every agent, for good. What it allowed is then allowed only by other policies,
            and what it denied is denied only by others. Its versions stay to be looked at.
          </Text>
          {retire.isError && <Failure error={retire.error} title="It was not retired" />}
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setAsking(false)}>
              Keep it
            </Button>
            <Button
              color="red"
              loading={retire.isPending}
              onClick={() => retire.mutate(undefined, { onSuccess: () => setAsking(false) })}
            >
              Retire
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
