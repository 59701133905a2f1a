import { type CallContext, RejectedError, type Unsubscribe } from '@bp/core';
import { EMPTY_CONTEXT, Listeners, rejectionAtEntry, watchContext } from '@bp/core/kit';
import { waitAfter } from './backoff.ts';
import type { ResolvedRetryingOptions } from './options.ts';
import { Pauses } from './pauses.ts';
import type { RetryDecision, Settled } from './verdict.ts';

/** A snapshot of what retries: gauges and counters that only grow. */
export interface RetryStats {
  /** Calls that run or wait for their next try now. */
  readonly active: number;
  /** Those of them that wait. */
  readonly waiting: number;
  /** Calls ever admitted. */
  readonly calls: number;
  /** Tries ever made: `calls` and all retries. */
  readonly tries: number;
  /** Calls rejected at entry: over, too late, or closing. */
  readonly rejected: number;
  /** Calls whose last try would have been followed by another, but there had been `maxAttempts`. */
  readonly outOfAttempts: number;
  /** The same, but the deadline would not have held another try. */
  readonly outOfTime: number;
  /** The same, but the budget had nothing left. */
  readonly outOfBudget: number;
  /** The same, but as many as `maxWaiting` waited. */
  readonly outOfRoom: number;
  /** The same, but the other side asked for no retry, or for a wait above `maxRetryAfterMs`. */
  readonly pushedBack: number;
  /** Calls that ended while they waited: cancelled, woken too late, or closing. */
  readonly abandoned: number;
}

/** A try that will be followed by another one, told before the wait for it begins. */
export interface RetryEvent {
  /** Which try of the call this was, from 1. */
  readonly attempt: number;
  /** Milliseconds until the next one. */
  readonly delayMs: number;
  /** What the try failed with; undefined if it had a result. */
  readonly error?: unknown;
  /** The status of the result, if it has one, as a `Response` has. */
  readonly status?: number | undefined;
}

/** What a call decides for itself. */
export interface Rules<T> {
  readonly classify: (settled: Settled, attempt: number) => RetryDecision;
  /** Told of a result that is followed by another try. */
  readonly discard?: ((result: T) => void) | undefined;
}

type StopReason = 'outOfAttempts' | 'outOfTime' | 'outOfBudget' | 'outOfRoom' | 'pushedBack';

type Settlement<T> = { readonly result: T } | { readonly error: unknown };

function eventOf(settled: Settled, attempt: number, delayMs: number): RetryEvent {
  if ('error' in settled) return { attempt, delayMs, error: settled.error };
  const status = (settled.result as { readonly status?: unknown } | null | undefined)?.status;
  return { attempt, delayMs, status: typeof status === 'number' ? status : undefined };
}

async function settle<T>(fn: () => T | PromiseLike<T>): Promise<Settlement<T>> {
  try {
    return { result: await fn() };
  } catch (error) {
    return { error };
  }
}

/** Makes calls again as long as that may help and nothing speaks against it: the one loop behind everything that retries. */
export class Retrier {
  readonly #options: ResolvedRetryingOptions;
  readonly #pauses: Pauses;
  readonly #retries = new Listeners<RetryEvent>();
  readonly #idle = new Set<() => void>();
  readonly #stopped: Record<StopReason, number> = {
    outOfAttempts: 0,
    outOfTime: 0,
    outOfBudget: 0,
    outOfRoom: 0,
    pushedBack: 0,
  };
  #closing = false;
  #active = 0;
  #calls = 0;
  #tries = 0;
  #rejected = 0;
  #abandoned = 0;

  constructor(options: ResolvedRetryingOptions) {
    this.#options = options;
    this.#pauses = new Pauses(options.clock, options.name);
  }

  async run<T>(
    fn: (attempt: number) => T | PromiseLike<T>,
    ctx: CallContext,
    { classify, discard }: Rules<T>,
  ): Promise<T> {
    const { budget } = this.#options;
    const rejection = this.#rejectionAtDoor(ctx);
    if (rejection !== undefined) {
      this.#rejected++;
      throw rejection;
    }
    this.#calls++;
    this.#active++;
    budget.recordRequest();
    try {
      for (let attempt = 1; ; attempt++) {
        this.#tries++;
        const settled = await settle(() => fn(attempt));
        const waitMs = this.#waitMs(settled, attempt, ctx, classify);
        if (waitMs === undefined) {
          if ('error' in settled) throw settled.error;
          return settled.result;
        }
        this.#retries.emit(eventOf(settled, attempt, waitMs));
        if ('result' in settled) discard?.(settled.result);
        const end = (await this.#pauses.pause(waitMs, ctx)) ?? this.#rejectionAtDoor(ctx);
        if (end !== undefined) {
          this.#abandoned++;
          budget.refund();
          // Whoever cancelled wants no answer. The others get the last one there was, unless it was discarded.
          throw 'error' in settled && end.code !== 'CANCELLED' ? settled.error : end;
        }
      }
    } finally {
      this.#active--;
      if (this.#active === 0) for (const idle of this.#idle) idle();
    }
  }

  onRetry(listener: (event: RetryEvent) => void): Unsubscribe {
    return this.#retries.add(listener);
  }

  stats(): RetryStats {
    return {
      active: this.#active,
      waiting: this.#pauses.size,
      calls: this.#calls,
      tries: this.#tries,
      rejected: this.#rejected,
      ...this.#stopped,
      abandoned: this.#abandoned,
    };
  }

  async close(ctx: CallContext): Promise<void> {
    const { clock, name } = this.#options;
    this.#closing = true;
    this.#pauses.endAll('SHUTTING_DOWN');
    if (this.#active === 0 || rejectionAtEntry(ctx, clock, name) !== undefined) return;
    await new Promise<void>((resolve) => {
      let unwatch: (() => void) | undefined;
      const done = (): void => {
        unwatch?.();
        this.#idle.delete(done);
        resolve();
      };
      this.#idle.add(done);
      unwatch = watchContext(ctx, clock, name, done);
    });
  }

  /** Why no try may begin, if so: asked before the first one, and again after every wait. */
  #rejectionAtDoor(ctx: CallContext): RejectedError | undefined {
    const { clock, name } = this.#options;
    if (ctx !== EMPTY_CONTEXT) {
      const over = rejectionAtEntry(ctx, clock, name);
      if (over !== undefined) return over;
      if (!this.#fits(0, ctx)) return new RejectedError('DEADLINE_EXCEEDED', name);
    }
    return this.#closing ? new RejectedError('SHUTTING_DOWN', name) : undefined;
  }

  /** Whether a try that begins in `waitMs` has time enough. */
  #fits(waitMs: number, { deadline }: CallContext): boolean {
    const { clock, minAttemptMs } = this.#options;
    return deadline === undefined || deadline - (clock.now() + waitMs) >= minAttemptMs;
  }

  /** Milliseconds until the next try, which is then paid for; undefined if this was the last one. */
  #waitMs(
    settled: Settled,
    attempt: number,
    ctx: CallContext,
    classify: Rules<never>['classify'],
  ): number | undefined {
    const { maxAttempts, maxRetryAfterMs, maxWaiting, budget, clock, name } = this.#options;
    const verdict = classify(settled, attempt);
    if (verdict === 'final') return undefined;
    const serverDelayMs = verdict === 'retry' ? 0 : verdict.retryAfterMs;
    const waitMs = waitAfter(attempt, serverDelayMs, this.#options);
    // Only now: the code of the caller has run, and may have ended the call.
    const over = rejectionAtEntry(ctx, clock, name);
    if (over !== undefined) return over.code === 'DEADLINE_EXCEEDED' ? this.#stop('outOfTime') : undefined;
    if (this.#closing) return undefined;
    if (!(serverDelayMs >= 0 && serverDelayMs <= maxRetryAfterMs)) return this.#stop('pushedBack');
    if (attempt >= maxAttempts) return this.#stop('outOfAttempts');
    if (!this.#fits(waitMs, ctx)) return this.#stop('outOfTime');
    if (this.#pauses.size >= maxWaiting) return this.#stop('outOfRoom');
    return budget.tryAcquire() ? waitMs : this.#stop('outOfBudget');
  }

  #stop(why: StopReason): undefined {
    this.#stopped[why]++;
    return undefined;
  }
}
