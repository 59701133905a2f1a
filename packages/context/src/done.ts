import { RejectedError, type RejectionCode } from '@bp/core';

/**
 * Why a context is over.
 *
 * - `deadline`: its time ran out.
 * - `cancelled`: somebody called `cancel`, or an outer signal was aborted.
 * - `caller-gone`: nobody waits for the answer any more.
 * - `shed`: it made room for something more important.
 * - `shutdown`: the process is ending.
 */
export type DoneKind = 'deadline' | 'cancelled' | 'caller-gone' | 'shed' | 'shutdown';

const codes: Readonly<Record<DoneKind, RejectionCode>> = {
  deadline: 'DEADLINE_EXCEEDED',
  cancelled: 'CANCELLED',
  'caller-gone': 'CANCELLED',
  shed: 'SHED',
  shutdown: 'SHUTTING_DOWN',
};

/** The end of a context: what its signal is aborted with, and what `throwIfDone` and `race` throw. */
export class ContextDoneError extends RejectedError {
  /** Why the context is over. */
  readonly kind: DoneKind;

  /** @param kind - why it is over; @param cause - what led to it, if anything is known. */
  constructor(kind: DoneKind, cause?: unknown) {
    super(codes[kind], 'request-context', { workBegan: true, cause });
    this.kind = kind;
  }
}
