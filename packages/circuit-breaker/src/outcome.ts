import { type AdmissionOptions, isRejected } from '@bp/core';

/** What a call came to, in the eyes of a breaker. An ignored one counts neither way. */
export type Outcome = 'success' | 'failure' | 'ignored';

/** What an error counts as unless somebody says otherwise. */
export function outcomeOf(error: unknown, ctx: AdmissionOptions): Outcome {
  // A deadline that passed while the dependency worked is its failure; any other refusal says nothing about it.
  if (isRejected(error)) return error.workBegan && error.code === 'DEADLINE_EXCEEDED' ? 'failure' : 'ignored';
  if (!(error instanceof Error) || error.name !== 'AbortError') return 'failure';
  const cancelled = ctx.onDone === undefined ? ctx.signal?.aborted : ctx.doneReason !== undefined;
  return cancelled ? 'ignored' : 'failure';
}
