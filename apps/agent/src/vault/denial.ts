import { KeyfleetError } from '@keyfleet/kernel';

/** A policy's no to somebody whose key would have been good enough. */
export class PolicyDenial extends KeyfleetError {
  /** Of the policy that said it. */
  readonly policyVersion: number;

  /** `statement` is told to those only who may know everything a policy looks at; `what` is what it does not allow. */
  constructor(
    policyVersion: number,
    {
      statement,
      what = 'this',
    }: { readonly statement?: string | undefined; readonly what?: string | undefined },
  ) {
    super('auth.forbidden', {
      detail: `The policy of this agent does not allow ${what}${statement === undefined ? '' : `: ${statement}`}.`,
      ...(statement !== undefined && { extensions: { statement } }),
    });
    this.policyVersion = policyVersion;
  }
}

/** By shape: the class may come from another realm. */
export function isPolicyDenial(error: unknown): error is PolicyDenial {
  return typeof error === 'object' && error !== null && 'policyVersion' in error;
}
