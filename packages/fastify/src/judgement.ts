import { answers } from './answers.ts';
import type { Arrival } from './arrival.ts';
import { latenessMs } from './gates/deadline.ts';
import type { LoadGate } from './gates/load.ts';
import type { Rejection } from './reply.ts';

/** What is known of a request before Fastify knows it. */
export type Judged = Pick<Arrival, 'settings' | 'priority' | 'deadline' | 'now'> & {
  /** Who asks; unknown at the door. */
  readonly key?: string | undefined;
};

/** Why a request could not be answered in time, if so. Where the wait is to blame, the gate has counted it. */
export function rejectionForDeadline(judged: Judged, load: LoadGate | undefined): Rejection | undefined {
  const { settings, priority, deadline, now } = judged;
  if (settings.deadline === undefined || deadline === undefined) return undefined;
  const waitMs = settings.load === undefined ? 0 : (load?.waitMs(settings.load, judged) ?? 0);
  const lateMs = latenessMs(deadline, settings.deadline, waitMs, now);
  if (lateMs <= 0) return undefined;
  // Late even without the wait: what would help is more time, not another try.
  if (load === undefined || lateMs >= waitMs) {
    return { reason: 'deadline', answer: answers.deadlineExceeded, retryAfterMs: undefined };
  }
  load.rejected(priority, now);
  return { reason: 'deadline', answer: answers.overloaded, retryAfterMs: lateMs, spreadMs: load.spreadMs };
}

/** Why a request is one too many, if so. The gate has counted it. */
export function rejectionForLoad(judged: Judged, load: LoadGate | undefined): Rejection | undefined {
  const { settings, priority, now } = judged;
  if (settings.load === undefined || load === undefined) return undefined;
  const retryAfterMs = load.rejection(settings.load, judged, now);
  if (retryAfterMs === undefined) return undefined;
  load.rejected(priority, now);
  return { reason: 'load', answer: answers.overloaded, retryAfterMs, spreadMs: load.spreadMs };
}
