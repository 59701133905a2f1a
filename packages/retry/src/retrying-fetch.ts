import type { CallContext, Unsubscribe } from '@bp/core';
import { EMPTY_CONTEXT } from '@bp/core/kit';
import { FetchCall } from './fetch-call.ts';
import { type RetryingFetchOptions, resolveFetchOptions } from './fetch-options.ts';
import { Retrier, type RetryEvent, type RetryStats } from './retrier.ts';

/** A `fetch` that may try again; it takes the context of the call as its third argument. */
export interface RetryingFetch extends AsyncDisposable {
  /**
   * What `fetch` does, and more. Rejects as `fetch` does, with the reason if the caller's signal is aborted, or with a
   * `RejectedError`: `DEADLINE_EXCEEDED` (also while a try runs), `CANCELLED` if `ctx` was cancelled, `SHUTTING_DOWN`, or
   * what a breaker rejects with.
   */
  (input: string | URL | Request, init?: RequestInit, ctx?: CallContext): Promise<Response>;
  /** As `Retry.onRetry`: for each try that will be followed by another, with its error or status. */
  onRetry(listener: (event: RetryEvent) => void): Unsubscribe;
  /** A snapshot; reading it costs nobody else anything. */
  stats(): RetryStats;
  /** As `Retry.close`: begins no try any more, and waits for those that run. */
  close(ctx?: CallContext): Promise<void>;
}

/**
 * A `fetch` that retries what is safe to send again, and only when that helps: idempotent methods or requests with an
 * `Idempotency-Key`, whose body can be sent twice; never earlier than `Retry-After` says, never past the deadline of the
 * call, within a retry budget, and through a breaker for each host if there is one. The server is told how much
 * time remains (`X-Request-Timeout-Ms`), how important the call is (`X-Request-Priority`) and which try it sees
 * (`X-Request-Attempt`).
 *
 * The deadline bounds the call until the headers of the answer are there; while its body is read, the signals that the
 * caller gave still cancel it.
 *
 * @throws TypeError or RangeError naming the first option that is wrong.
 */
export function createRetryingFetch(options: RetryingFetchOptions = {}): RetryingFetch {
  const resolved = resolveFetchOptions(options);
  const retrier = new Retrier(resolved);
  const close = (ctx: CallContext = EMPTY_CONTEXT): Promise<void> => retrier.close(ctx);
  return Object.assign(
    async (input: string | URL | Request, init: RequestInit = {}, ctx: CallContext = EMPTY_CONTEXT) =>
      new FetchCall(resolved, input, init, ctx).run(retrier),
    {
      onRetry: (listener: (event: RetryEvent) => void) => retrier.onRetry(listener),
      stats: () => retrier.stats(),
      close,
      [Symbol.asyncDispose]: () => close(),
    },
  );
}
