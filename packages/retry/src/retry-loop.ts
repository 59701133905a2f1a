import { type CallContext, type DrainOptions, RejectedError, type Unsubscribe } from '@bp/core';
import {
  Closing,
  EMPTY_CONTEXT,
  Listeners,
  Rejections,
  rejectionAtEntry,
  rejectionIfOver,
} from '@bp/core/kit';
import { pauseAfter } from './backoff.ts';
import type { ResolvedRetryingOptions } from './options.ts';
import { Pauses } from './pauses.ts';
import { type AttemptResult, type RetryDecision, serverDelayOf } from './retry-decision.ts';
import type { RetryStats, StopReason } from './retry-stats.ts';

/** An attempt that will be followed by another one. Listeners are notified before the pause, which may still be cut short. */
export interface RetryEvent {
  /** The number of the attempt, from 1. */
  readonly attempt: number;
  /** Milliseconds until the next attempt. */
  readonly delayMs: number;
  /** The error of the attempt; undefined if it had a result. */
  readonly error?: unknown;
  /** The status of the result, if it has one as a `Response` has. */
  readonly status?: number | undefined;
}

/** The rules of one call. */
export interface RetryRules<T> {
  readonly classify: (ended: AttemptResult, attempt: number) => RetryDecision;
  readonly onRetry?: ((event: RetryEvent) => void) | undefined;
  /** Receives each result that is followed by another attempt. */
  readonly discard?: ((result: T) => void) | undefined;
}

type Ended<T> = { readonly result: T } | { readonly error: unknown };

function eventOf(ended: AttemptResult, attempt: number, delayMs: number): RetryEvent {
  if ('error' in ended) return { attempt, delayMs, error: ended.error };
  const status = (ended.result as { readonly status?: unknown } | null | undefined)?.status;
  return { attempt, delayMs, status: typeof status === 'number' ? status : undefined };
}

async function endOf<T>(fn: () => T | PromiseLike<T>): Promise<Ended<T>> {
  try {
    return { result: await fn() };
  } catch (error) {
    return { error };
  }
}

/** The loop of attempts and pauses behind `Retry` and the retrying `fetch`. */
export class RetryLoop {
  readonly #options: ResolvedRetryingOptions;
  readonly #pauses: Pauses;
  readonly #retries = new Listeners<RetryEvent>();
  readonly #rejections: Rejections;
  readonly #closing: Closing;
  readonly #stopped: Record<StopReason, number> = {
    outOfAttempts: 0,
    outOfTime: 0,
    outOfBudget: 0,
    outOfPauses: 0,
    delayTooLong: 0,
  };
  #active = 0;
  #admitted = 0;
  #attempts = 0;
  #abandoned = 0;

  constructor(options: ResolvedRetryingOptions) {
    const { clock, name } = options;
    this.#options = options;
    this.#pauses = new Pauses(clock, name);
    this.#rejections = new Rejections(name);
    // Running attempts are not interrupted.
    this.#closing = new Closing({ clock, isIdle: () => this.#active === 0, cancelRest: () => {} });
  }

  async run<T>(
    fn: (attempt: number) => T | PromiseLike<T>,
    ctx: CallContext,
    rules: RetryRules<T>,
  ): Promise<T> {
    const { clock, name } = this.#options;
    // A wrong deadline is an error of the caller here.
    const rejection = rejectionAtEntry(ctx, clock, name) ?? this.check(ctx);
    if (rejection !== undefined) throw this.#rejections.record(rejection);
    this.#admitted++;
    this.#active++;
    this.#options.budget.recordRequest();
    try {
      for (let attempt = 1; ; attempt++) {
        this.#attempts++;
        const ended = await endOf(() => fn(attempt));
        const pauseMs = this.#pauseMs(ended, attempt, ctx, rules.classify);
        if (pauseMs === undefined) {
          if ('error' in ended) throw ended.error;
          return ended.result;
        }
        await this.#pause(pauseMs, ended, attempt, ctx, rules);
      }
    } finally {
      this.#active--;
      this.#closing.settleIfIdle();
    }
  }

  /** Returns why no attempt may begin: before the first one, and after every pause. Never throws. */
  check(ctx: CallContext): RejectedError | undefined {
    const { clock, name } = this.#options;
    if (ctx !== EMPTY_CONTEXT) {
      const over = rejectionIfOver(ctx, clock, name);
      if (over !== undefined) return over;
      if (!this.#fits(0, ctx)) return new RejectedError('DEADLINE_EXCEEDED', name);
    }
    return this.#closing.started ? new RejectedError('SHUTTING_DOWN', name) : undefined;
  }

  onRetry(listener: (event: RetryEvent) => void): Unsubscribe {
    return this.#retries.add(listener);
  }

  onRejected(listener: (rejection: RejectedError) => void): Unsubscribe {
    return this.#rejections.onRejected(listener);
  }

  stats(): RetryStats {
    return {
      active: this.#active,
      paused: this.#pauses.size,
      admitted: this.#admitted,
      attempts: this.#attempts,
      rejected: this.#rejections.count,
      ...this.#stopped,
      abandoned: this.#abandoned,
    };
  }

  close(options?: DrainOptions): Promise<void> {
    const closed = this.#closing.close(options);
    // Wrong options do not begin to close.
    if (this.#closing.started) this.#pauses.close();
    return closed;
  }

  /** Notifies and pauses. Throws what the call ends with if the pause is cut short. */
  async #pause<T>(
    pauseMs: number,
    ended: Ended<T>,
    attempt: number,
    ctx: CallContext,
    { onRetry, discard }: RetryRules<T>,
  ): Promise<void> {
    const event = eventOf(ended, attempt, pauseMs);
    onRetry?.(event);
    this.#retries.emit(event);
    if ('result' in ended) discard?.(ended.result);
    const rejection = (await this.#pauses.pause(pauseMs, ctx)) ?? this.check(ctx);
    if (rejection === undefined) return;
    this.#abandoned++;
    this.#options.budget.refund();
    // A caller that cancelled needs no answer. Any other gets the last one, unless it was discarded.
    if ('error' in ended && rejection.code !== 'CANCELLED') throw ended.error;
    throw this.#rejections.record(rejection);
  }

  /** Returns whether an attempt that begins in `pauseMs` has enough time. */
  #fits(pauseMs: number, { deadline }: CallContext): boolean {
    const { clock, minAttemptMs } = this.#options;
    return deadline === undefined || deadline - (clock.now() + pauseMs) >= minAttemptMs;
  }

  /** Returns the milliseconds until the next attempt, which the budget has granted; undefined if there is none. */
  #pauseMs(
    ended: AttemptResult,
    attempt: number,
    ctx: CallContext,
    classify: RetryRules<never>['classify'],
  ): number | undefined {
    const { maxAttempts, maxRetryAfterMs, maxPauses, budget, clock, name } = this.#options;
    const decision = classify(ended, attempt);
    if (decision === 'final') return undefined;
    const serverDelayMs = serverDelayOf(decision);
    const pauseMs = pauseAfter(attempt, serverDelayMs, this.#options);
    // Not earlier: `classify` may have ended the call.
    const over = rejectionIfOver(ctx, clock, name);
    if (over !== undefined) return over.code === 'DEADLINE_EXCEEDED' ? this.#stop('outOfTime') : undefined;
    if (this.#closing.started) return undefined;
    if (serverDelayMs > maxRetryAfterMs) return this.#stop('delayTooLong');
    if (attempt >= maxAttempts) return this.#stop('outOfAttempts');
    if (!this.#fits(pauseMs, ctx)) return this.#stop('outOfTime');
    if (this.#pauses.size >= maxPauses) return this.#stop('outOfPauses');
    return budget.tryAcquire() ? pauseMs : this.#stop('outOfBudget');
  }

  #stop(reason: StopReason): undefined {
    this.#stopped[reason]++;
    return undefined;
  }
}
