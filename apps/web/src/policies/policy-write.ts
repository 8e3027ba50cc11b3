import { useMutation, useQueryClient } from '@tanstack/react-query';
import { policiesKey, questionsKey } from '../api/notices';
import { isConflict } from '../api/problem';
import { rest } from '../api/rest';

type Call = readonly [method: string, path: string, body?: unknown];

/** Something said to the policies of an organisation; what is on screen is read again after it. */
export function usePolicyWrite<Given, Answer = unknown>(org: string, call: (given: Given) => Call) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (given: Given) => {
      const [method, path, body] = call(given);
      return rest<Answer>(method, `/orgs/${org}/policies${path}`, body);
    },
    // Whoever is refused for what somebody else did meanwhile has to see it.
    onError: (error) => {
      if (isConflict(error)) void queryClient.invalidateQueries({ queryKey: policiesKey(org) });
    },
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: questionsKey(org), refetchType: 'none' });
      return queryClient.invalidateQueries({ queryKey: policiesKey(org) });
    },
  });
}
