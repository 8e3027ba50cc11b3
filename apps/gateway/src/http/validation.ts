import { KeyfleetError } from '@keyfleet/kernel';
import { StandardSchemaValidationPipe } from '@nestjs/common';

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Validates what a handler's parameter schema describes; refuses with JSON pointers. */
export function validationPipe(): StandardSchemaValidationPipe {
  return new StandardSchemaValidationPipe({ exceptionFactory: refusal });
}

export function refusal(issues: readonly Issue[]): KeyfleetError {
  return new KeyfleetError('request.invalid', {
    errors: issues
      .slice(0, 20)
      .map((issue) => ({ pointer: pointerOf(issue), message: issue.message.slice(0, 300) })),
  });
}

function pointerOf(issue: Issue): string {
  const keys = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part));
  return keys.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
