import type { FairQueue, PriorityQueue } from '@bp/bounded-queue';
import { type CallContext, RejectedError, type RejectionCode } from '@bp/core';
import { rejectionIfOver } from '@bp/core/kit';
import type { CallStarter } from './call-starter.ts';
import type { ResolvedConcurrencyLimiterOptions } from './options.ts';
import type { Permits } from './permits.ts';
import type { QueuedCall } from './queued-call.ts';

/**
 * Estimates how long calls would wait, decides from that which of them may, and makes the rejections of the others. Counts
 * nothing and notifies no listener.
 */
export class WaitForecast {
  readonly #options: ResolvedConcurrencyLimiterOptions;
  readonly #permits: Permits;
  readonly #starter: CallStarter;
  readonly #calls: PriorityQueue<QueuedCall> | FairQueue<QueuedCall> | undefined;

  constructor(
    options: ResolvedConcurrencyLimiterOptions,
    permits: Permits,
    starter: CallStarter,
    calls: PriorityQueue<QueuedCall> | FairQueue<QueuedCall> | undefined,
  ) {
    this.#options = options;
    this.#permits = permits;
    this.#starter = starter;
    this.#calls = calls;
  }

  /** Milliseconds that a call would wait; undefined if nothing is known, such as while the limit is 0. */
  waitMs(ctx: CallContext): number | undefined {
    const { cost = 1 } = ctx;
    const ahead = this.#calls?.weightAhead(ctx) ?? 0;
    if (ahead > 0) return this.#untilFreeMs(ahead + cost);
    if (this.#permits.fits(cost)) return 0;
    return this.#untilFreeMs(this.#permits.active + cost - this.#permits.limit);
  }

  /** Why a call that cannot start may not wait either; undefined if it may. @param queued - calls that wait. */
  rejectionToWait(ctx: CallContext, queued: number): RejectedError | undefined {
    return (
      this.rejectionForTime(ctx, queued) ?? (this.#calls?.hasRoom(ctx) ? undefined : this.fullRejection(ctx))
    );
  }

  /** The rejection of a call that would wait too long: for `maxWaitMs`, or to be done before its deadline. */
  rejectionForTime(ctx: CallContext, queued: number): RejectedError | undefined {
    const { maxQueue, maxWaitMs } = this.#options;
    const { deadline } = ctx;
    if (maxQueue === 0) return undefined;
    if (deadline === undefined && maxWaitMs === Number.POSITIVE_INFINITY) return undefined;
    const waitMs = this.waitMs(ctx);
    // An empty queue admits one call whatever the estimate: otherwise a bound below the time of a call would disable the queue.
    if (waitMs !== undefined && waitMs > maxWaitMs && queued > 0) {
      return this.#rejection('CONCURRENCY_LIMIT', waitMs);
    }
    // The call is delayed by the loop budget only; no other call is ahead of it.
    if (deadline === undefined || (waitMs === 0 && queued === 0)) return undefined;
    return this.#isTooLate(deadline, waitMs ?? 0) ? this.#rejection('DEADLINE_EXCEEDED', waitMs) : undefined;
  }

  /** The rejection of a call for which the queue has no room. */
  fullRejection(ctx: CallContext): RejectedError {
    return this.#backlogRejection(this.#options.maxQueue === 0 ? 'CONCURRENCY_LIMIT' : 'QUEUE_FULL', ctx);
  }

  /** The rejection of a call that found no permit and does not want to wait. */
  noPermitRejection(ctx: CallContext): RejectedError {
    return this.#backlogRejection('CONCURRENCY_LIMIT', ctx);
  }

  #backlogRejection(code: RejectionCode, ctx: CallContext): RejectedError {
    const waitMs = this.waitMs(ctx);
    // Where the newest call is served first and there is no room even so: the time in which one call is started.
    return this.#rejection(code, waitMs === 0 ? this.#untilFreeMs(1) : waitMs);
  }

  /**
   * The rejection of a call whose turn it is: it waited longer than `maxWaitMs`, or could not be done before its deadline and
   * another call has more time left. With no other call it may still try.
   */
  rejectionInTurn({ startBy, ctx }: QueuedCall, othersWait: boolean): RejectedError | undefined {
    const { deadline } = ctx;
    if (startBy === undefined && deadline === undefined) return undefined;
    const now = this.#options.clock.now();
    if (startBy !== undefined && startBy <= now) return this.#rejection('SHED', this.waitMs(ctx));
    if (deadline === undefined || !othersWait) return undefined;
    const longestMs = this.#starter.estimator.longestMs(now, this.#starter.admitted, false) ?? 0;
    return now + longestMs > deadline ? this.#rejection('DEADLINE_EXCEEDED', this.waitMs(ctx)) : undefined;
  }

  /** The rejection of a call that the queue dropped or did not take because of `rejection`. */
  rejectionOfDropped(call: QueuedCall, rejection: RejectedError): RejectedError {
    const { clock, name } = this.#options;
    const { code } = rejection;
    if (code === 'SHED') return this.#rejection(code, this.waitMs(call.ctx));
    if (call.bounded === undefined || code === 'SHUTTING_DOWN') return rejection;
    // The context that ends after `maxWaitMs` has ended; the context of the caller may have ended first.
    const own = rejectionIfOver(call.ctx, clock, name);
    if (own !== undefined || code !== 'DEADLINE_EXCEEDED') return own ?? rejection;
    return this.#rejection('SHED', this.waitMs(call.ctx));
  }

  #isTooLate(deadline: number, waitMs: number): boolean {
    const now = this.#options.clock.now();
    const { estimator, admitted } = this.#starter;
    // While permits are free the mean counts alone: rejecting a call that could be done would save no other call any time.
    const callMs =
      waitMs > 0 ? estimator.longestMs(now, admitted, true) : estimator.expectedMs(now, admitted, false);
    return now + waitMs + (callMs ?? 0) > deadline;
  }

  #untilFreeMs(permits: number): number | undefined {
    const { estimator, admitted } = this.#starter;
    return estimator.waitForMs(permits, this.#options.clock.now(), admitted, this.#permits.limit);
  }

  #rejection(code: RejectionCode, retryAfterMs: number | undefined): RejectedError {
    return new RejectedError(code, this.#options.name, { retryAfterMs });
  }
}
