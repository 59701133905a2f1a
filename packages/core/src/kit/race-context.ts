import type { DerivedContext } from '../call-context.ts';
import type { Clock } from '../clock.ts';
import { isRejected, RejectedError } from '../rejected-error.ts';
import { rejectionFor } from './call-end.ts';

/** Options of {@link raceContext}. */
export interface RaceOptions {
  readonly clock: Clock;
  /** The `rejectedBy` of the error, if the reason of the context is no `RejectedError`. */
  readonly name: string;
}

/**
 * Settles with `work`, or rejects with the `RejectedError` that ended `ctx`, whichever is first. The work is not started if
 * `ctx` is over. Running work is not stopped: the signal asks it to stop. A result that comes too late goes to `discard`.
 *
 * Work that still waits in a primitive when `ctx` ends settles with the rejection of that primitive, whose
 * `workBegan` is false: the end of `ctx` takes effect one turn of the event loop later.
 */
export function raceContext<T>(
  ctx: DerivedContext,
  { clock, name }: RaceOptions,
  work: () => T | PromiseLike<T>,
  discard?: (late: T) => void,
): Promise<T> {
  if (ctx.doneReason !== undefined) return Promise.reject(rejectionFor(ctx.doneReason, name));
  return new Promise((resolve, reject) => {
    let end: RejectedError | undefined;
    const stop = ctx.onDone((reason) => {
      end = isRejected(reason) ? reason : endOf(reason, name);
      clock.nextTurn(() => reject(end));
    });
    // An async function, so that work that throws at once rejects too.
    (async () => work())().then(
      (result) => {
        stop();
        if (end === undefined) {
          resolve(result);
          return;
        }
        reject(end);
        discard?.(result);
      },
      (error: unknown) => {
        stop();
        reject(end === undefined || isRejected(error) ? error : end);
      },
    );
  });
}

function endOf(reason: unknown, name: string): RejectedError {
  return new RejectedError(rejectionFor(reason, name).code, name, { workBegan: true, cause: reason });
}
