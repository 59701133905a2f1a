import type { Policy } from '@bp/core';
import { checkFunction, checkNonNegative, checkOptions, checkPositive } from '@bp/core/kit';
import { type ResolvedRetryingOptions, type RetryingOptions, resolveRetrying } from './options.ts';
import { wallNow } from './retry-after.ts';

/** What `fetch` is in every runtime. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Options of `createRetryingFetch`. */
export interface RetryingFetchOptions extends RetryingOptions {
  /** What really sends. Default: the global `fetch`, looked up at each call. */
  readonly fetch?: Fetch | undefined;
  /** Status codes (100 to 599) that are worth another try. Default: 408, 425, 429, 500, 502, 503, 504. */
  readonly retryStatuses?: readonly number[] | undefined;
  /**
   * What stands around each try to a host (name and port), such as its circuit breaker; undefined for nothing. Answers
   * from status 500 on reach it as errors with the `retryAfterMs` of the answer. Default: nothing.
   */
  readonly breakerFor?: ((host: string) => Policy | undefined) | undefined;
  /** Milliseconds of the remaining time that the server is not told, for the way there and back (>= 0). Default: 10. */
  readonly marginMs?: number | undefined;
  /** Milliseconds until the deadline below which no try begins (> `marginMs`). Default: `marginMs` + 10. */
  readonly minAttemptMs?: number | undefined;
  /** Milliseconds since 1970, for `Retry-After` with a date and for nothing else. Default: `Date.now`. */
  readonly wallNow?: (() => number) | undefined;
}

/** The same as the code holds it: nothing is undefined. */
export interface ResolvedRetryingFetchOptions extends ResolvedRetryingOptions {
  readonly fetch: Fetch;
  readonly retryStatuses: ReadonlySet<number>;
  readonly breakerFor: (host: string) => Policy | undefined;
  readonly marginMs: number;
  readonly wallNow: () => number;
}

function checkStatuses(value: unknown): ReadonlySet<number> {
  if (!Array.isArray(value)) throw new TypeError(`retryStatuses must be an array, got ${typeof value}`);
  for (const status of value) {
    if (!(Number.isInteger(status) && status >= 100 && status <= 599)) {
      throw new RangeError(`retryStatuses must be integers from 100 to 599, got ${String(status)}`);
    }
  }
  return new Set(value);
}

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveFetchOptions(options: RetryingFetchOptions): ResolvedRetryingFetchOptions {
  const marginMs = checkNonNegative('marginMs', checkOptions(options).marginMs ?? 10);
  const minAttemptMs = checkPositive('minAttemptMs', options.minAttemptMs ?? marginMs + 10);
  if (minAttemptMs <= marginMs) {
    throw new RangeError(`minAttemptMs must be above marginMs = ${marginMs}, got ${minAttemptMs}`);
  }
  return {
    ...resolveRetrying(options, minAttemptMs, 'retrying-fetch'),
    fetch: checkFunction('fetch', options.fetch ?? ((input, init) => globalThis.fetch(input, init))),
    retryStatuses: checkStatuses(options.retryStatuses ?? [408, 425, 429, 500, 502, 503, 504]),
    breakerFor: checkFunction('breakerFor', options.breakerFor ?? (() => undefined)),
    marginMs,
    wallNow: checkFunction('wallNow', options.wallNow ?? wallNow),
  };
}
