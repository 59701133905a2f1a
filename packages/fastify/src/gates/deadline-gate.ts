import { type CallContext, RejectedError } from '@bp/core';
import type { ResolvedDeadlineOptions } from './deadline-options.ts';
import type { LoadGate } from './load/load-gate.ts';
import type { ResolvedRouteLoadOptions } from './load/load-options.ts';

/** What the deadline gate knows of a request. */
export interface DeadlineRequest extends CallContext {
  readonly settings: {
    readonly deadline: ResolvedDeadlineOptions | undefined;
    readonly load: ResolvedRouteLoadOptions | undefined;
  };
  readonly priority: number;
  readonly now: number;
}

/**
 * The rejection of a request that cannot be answered by its deadline, if so. With enough time but for the estimated wait it is an
 * overload, which the load gate has then counted; else the deadline is exceeded, whenever the request is sent.
 */
export function checkDeadlineOf(
  request: DeadlineRequest,
  load: LoadGate | undefined,
): RejectedError | undefined {
  const { settings, deadline, now } = request;
  if (settings.deadline === undefined || deadline === undefined) return undefined;
  const wait = settings.load === undefined ? undefined : load?.longestWait(settings.load, request);
  const waitMs = wait?.waitMs ?? 0;
  const leftMs = deadline - now - settings.deadline.marginMs;
  if (waitMs <= leftMs) return undefined;
  if (load === undefined || wait === undefined || leftMs <= 0) {
    return new RejectedError('DEADLINE_EXCEEDED', 'deadline', { retryAfterMs: Number.POSITIVE_INFINITY });
  }
  load.countRejected(request.priority, now);
  return new RejectedError('SHED', wait.name, { retryAfterMs: waitMs - leftMs });
}
