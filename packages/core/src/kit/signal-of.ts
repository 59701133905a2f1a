import type { DerivedContext } from '../call-context.ts';

/** Makes a signal that is aborted with the reason when `ctx` is over; at once if it is. */
export function signalOf(ctx: Pick<DerivedContext, 'onDone'>): AbortSignal {
  const controller = new AbortController();
  ctx.onDone((reason) => controller.abort(reason));
  return controller.signal;
}
