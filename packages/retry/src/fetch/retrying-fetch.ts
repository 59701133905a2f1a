import type { CallContext, DrainOptions, RejectedError, Unsubscribe } from '@bp/core';
import { EMPTY_CONTEXT } from '@bp/core/kit';
import { type RetryEvent, RetryLoop } from '../retry-loop.ts';
import type { RetryStats } from '../retry-stats.ts';
import { FetchCall } from './fetch-call.ts';
import { type RetryingFetchOptions, resolveFetchOptions } from './fetch-options.ts';

/** A `fetch` that retries. Its third argument is the context of the call. */
export interface RetryingFetch extends AsyncDisposable {
  /**
   * Does what `fetch` does, with retries. Rejects as `fetch` does; with the reason of the caller's signal if that is aborted; or
   * with a `RejectedError`: `DEADLINE_EXCEEDED` (also while an attempt runs), `CANCELLED` if `ctx` was cancelled, `SHUTTING_DOWN`,
   * or the rejection of a breaker.
   */
  (input: string | URL | Request, init?: RequestInit, ctx?: CallContext): Promise<Response>;
  /** Calls `listener` for each attempt that will be followed by another, with its error or status. */
  onRetry(listener: (event: RetryEvent) => void): Unsubscribe;
  /** Calls `listener` once for every call that is rejected, on arrival or in a pause. */
  onRejected(listener: (rejection: RejectedError) => void): Unsubscribe;
  /** Returns a snapshot of its gauges and counters. */
  stats(): RetryStats;
  /** Begins no further attempt and waits for the running ones, as `Retry.close` does. */
  close(options?: DrainOptions): Promise<void>;
}

/**
 * Makes a `fetch` that retries what is safe to send again: idempotent methods and requests with an `Idempotency-Key`, whose
 * body can be sent twice. It retries never earlier than `Retry-After` asks for, never past the deadline of the call, within a
 * retry budget, and through a breaker for each host if there is one. The server receives the remaining time
 * (`X-Request-Timeout-Ms`), the priority (`X-Request-Priority`) and the number of the attempt (`X-Request-Attempt`).
 *
 * A request that `fetch` cannot send (a GET with a body, a malformed URL, a scheme other than http and https) is its caller's
 * mistake: it is not retried and reaches no breaker. The deadline bounds the call until the headers of the response are there;
 * while the body is read, the signals of the caller still cancel it.
 *
 * @throws TypeError or RangeError naming the first option that is wrong.
 */
export function createRetryingFetch(options: RetryingFetchOptions = {}): RetryingFetch {
  const resolved = resolveFetchOptions(options);
  const loop = new RetryLoop(resolved);
  return Object.assign(
    async (input: string | URL | Request, init: RequestInit = {}, ctx: CallContext = EMPTY_CONTEXT) =>
      await new FetchCall(resolved, input, init, ctx).run(loop),
    {
      onRetry: (listener: (event: RetryEvent) => void) => loop.onRetry(listener),
      onRejected: (listener: (rejection: RejectedError) => void) => loop.onRejected(listener),
      stats: () => loop.stats(),
      close: (closeOptions?: DrainOptions) => loop.close(closeOptions),
      [Symbol.asyncDispose]: () => loop.close(),
    },
  );
}
