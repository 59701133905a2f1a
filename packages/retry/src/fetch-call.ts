import { type CallContext, RejectedError } from '@bp/core';
import { EMPTY_CONTEXT, rejectionFor } from '@bp/core/kit';
import type { ResolvedRetryingFetchOptions } from './fetch-options.ts';
import { LinkedContext } from './linked-context.ts';
import { describe, type Outgoing } from './outgoing.ts';
import type { Retrier } from './retrier.ts';
import { parseRetryAfter } from './retry-after.ts';
import { type RetryDecision, type Settled, verdictOnError } from './verdict.ts';

/** Milliseconds that remain, as a decimal integer of at most 10 digits. */
const TIMEOUT_HEADER = 'x-request-timeout-ms';
const MOST_MS = 9_999_999_999;
/** How important the call is: an integer of at most 6 digits, left out for 0. */
const PRIORITY_HEADER = 'x-request-priority';
const MOST_PRIORITY = 999_999;
/** Which try this is, from 1. */
const ATTEMPT_HEADER = 'x-request-attempt';

/** An answer on its way through a breaker, which should count it as a failure. */
class FailedResponse extends Error {
  readonly response: Response;
  /** Where a breaker looks for it; undefined if the answer does not say. */
  readonly retryAfterMs: number | undefined;

  constructor(response: Response, retryAfterMs: number | undefined) {
    super(`HTTP status ${response.status}`);
    this.response = response;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Gives the connection back. A body that cannot be cancelled is being read by somebody else. */
function cancelBody(response: Response): void {
  response.body?.cancel().catch(() => {});
}

/** One call of a retrying `fetch`, with all its tries. */
export class FetchCall {
  readonly #options: ResolvedRetryingFetchOptions;
  readonly #input: string | URL | Request;
  readonly #init: RequestInit;
  readonly #outgoing: Outgoing;
  readonly #ctx: CallContext;
  /** What ties this call, and its present try, to the contexts of the caller. */
  #callLink: LinkedContext | undefined;
  #tryLink: LinkedContext | undefined;

  /** @throws TypeError for headers that make no sense. */
  constructor(
    options: ResolvedRetryingFetchOptions,
    input: string | URL | Request,
    init: RequestInit,
    ctx: CallContext,
  ) {
    this.#options = options;
    this.#input = input;
    this.#init = init;
    this.#outgoing = describe(input, init);
    this.#ctx = this.#join(ctx, this.#outgoing.signal);
  }

  async run(retrier: Retrier): Promise<Response> {
    const { repeatable, signal } = this.#outgoing;
    const classify = repeatable ? this.#verdict : (): RetryDecision => 'final';
    try {
      const response = await retrier.run((attempt) => this.#try(attempt), this.#ctx, {
        classify,
        discard: this.#discard,
      });
      // Whoever reads the body must still be able to stop.
      this.#tryLink?.endWith(response.body);
      this.#callLink?.endWith(response.body);
      return response;
    } catch (error) {
      this.#callLink?.end();
      throw signal?.aborted ? signal.reason : error;
    }
  }

  /** One context from that of the call and the signal of the request. */
  #join(ctx: CallContext, signal: AbortSignal | undefined): CallContext {
    if (signal === undefined) return ctx;
    if (ctx === EMPTY_CONTEXT) return { signal };
    this.#callLink = this.#link([ctx, { signal }], ctx.deadline ?? Number.POSITIVE_INFINITY);
    return this.#callLink;
  }

  #link(outers: readonly CallContext[], deadline: number): LinkedContext {
    const { clock, name } = this.#options;
    return new LinkedContext(outers, { deadline, clock, name });
  }

  readonly #verdict = (settled: Settled): RetryDecision => {
    if ('error' in settled) return verdictOnError(settled.error);
    const { status, headers } = settled.result as Response;
    const { retryStatuses, wallNow } = this.#options;
    if (!retryStatuses.has(status)) return 'final';
    const retryAfter = headers.get('retry-after');
    if (retryAfter === null) return 'retry';
    // Whoever is told when, but does not understand it, can only stay away.
    return { retryAfterMs: parseRetryAfter(retryAfter, wallNow) ?? Number.POSITIVE_INFINITY };
  };

  readonly #discard = (response: Response): void => {
    cancelBody(response);
    this.#tryLink?.end();
  };

  /** One try, inside the breaker of its host. */
  async #try(attempt: number): Promise<Response> {
    const { breakerFor, wallNow } = this.#options;
    const { host } = this.#outgoing;
    const breaker = host === undefined ? undefined : breakerFor(host);
    if (breaker === undefined) return await this.#send(this.#ctx, attempt);
    try {
      return await breaker.execute(async (ctx) => {
        const response = await this.#send(ctx, attempt);
        if (response.status < 500) return response;
        const retryAfter = response.headers.get('retry-after') ?? '';
        throw new FailedResponse(response, parseRetryAfter(retryAfter, wallNow));
      }, this.#ctx);
    } catch (error) {
      if (error instanceof FailedResponse) return error.response;
      throw error;
    }
  }

  /** One try, within its time. */
  async #send(ctx: CallContext, attempt: number): Promise<Response> {
    const { fetch, attemptTimeoutMs, marginMs, clock } = this.#options;
    const headers = new Headers(this.#outgoing.headers);
    headers.set(ATTEMPT_HEADER, String(attempt));
    if (ctx.priority !== undefined) {
      // Rounded down: it never grows on the way.
      const priority = Math.max(-MOST_PRIORITY, Math.min(Math.floor(ctx.priority), MOST_PRIORITY));
      if (priority !== 0) headers.set(PRIORITY_HEADER, String(priority));
    }
    const now = clock.now();
    const deadline = Math.min(ctx.deadline ?? Number.POSITIVE_INFINITY, now + attemptTimeoutMs);
    if (deadline !== Number.POSITIVE_INFINITY) {
      const remainingMs = Math.max(0, Math.floor(deadline - now - marginMs));
      headers.set(TIMEOUT_HEADER, String(Math.min(remainingMs, MOST_MS)));
    }
    const init = { ...this.#init, headers };
    if (deadline === Number.POSITIVE_INFINITY && ctx.onDone === undefined) {
      return await this.#sendFreely(init, ctx.signal);
    }
    const link = this.#link([ctx], deadline);
    this.#tryLink = link;
    try {
      return await link.run(() => fetch(this.#input, { ...init, signal: link.signal }), cancelBody);
    } catch (error) {
      link.end();
      throw error;
    }
  }

  /** A try without a bound, cancelled by the signal itself. */
  async #sendFreely(init: RequestInit, signal: AbortSignal | undefined): Promise<Response> {
    const { fetch, name } = this.#options;
    try {
      return await fetch(this.#input, signal === undefined ? init : { ...init, signal });
    } catch (error) {
      // A breaker must see a caller that left, whatever the reason looks like.
      if (!signal?.aborted) throw error;
      const { code, cause } = rejectionFor(signal.reason, name);
      throw new RejectedError(code, name, { workBegan: true, cause });
    }
  }
}
