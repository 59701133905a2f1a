import { type CallContext, type DerivedContext, RejectedError } from '@bp/core';
import { deriveContext, EMPTY_CONTEXT, raceContext, rejectionFor, wireHeaders } from '@bp/core/kit';
import { parseRetryAfter } from '../retry-after.ts';
import { type AttemptResult, decideOnError, type RetryDecision } from '../retry-decision.ts';
import type { RetryLoop } from '../retry-loop.ts';
import type { ResolvedRetryingFetchOptions } from './fetch-options.ts';
import { FetchSignal } from './fetch-signal.ts';
import { describeRequest, type Outgoing } from './outgoing.ts';

/** A response that a breaker counts as a failure. */
class FailedResponse extends Error {
  readonly response: Response;
  /** Where a breaker looks for it; undefined if the response has none. */
  readonly retryAfterMs: number | undefined;

  constructor(response: Response, retryAfterMs: number | undefined) {
    super(`HTTP status ${response.status}`);
    this.response = response;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Frees the connection. A body that cannot be cancelled is being read elsewhere. */
function cancelBody(response: Response): void {
  response.body?.cancel().catch(() => {});
}

/** One call of a retrying `fetch`, with all its attempts. */
export class FetchCall {
  readonly #options: ResolvedRetryingFetchOptions;
  readonly #input: string | URL | Request;
  readonly #init: RequestInit;
  readonly #outgoing: Outgoing;
  readonly #ctx: CallContext;
  /** The signal of the present attempt. */
  #fetchSignal: FetchSignal | undefined;

  /** @throws TypeError for malformed headers. */
  constructor(
    options: ResolvedRetryingFetchOptions,
    input: string | URL | Request,
    init: RequestInit,
    ctx: CallContext,
  ) {
    this.#options = options;
    this.#input = input;
    this.#init = init;
    this.#outgoing = describeRequest(input, init);
    this.#ctx = ctx;
  }

  async run(loop: RetryLoop): Promise<Response> {
    const { clock, name } = this.#options;
    const { repeatable, signal } = this.#outgoing;
    const both =
      signal === undefined || this.#ctx === EMPTY_CONTEXT
        ? undefined
        : deriveContext(this.#ctx, { signal, clock, name });
    const ctx = both ?? (signal === undefined ? this.#ctx : { signal });
    try {
      return await loop.run((attempt) => this.#attempt(ctx, attempt), ctx, {
        classify: repeatable ? this.#decide : () => 'final',
        discard: this.#discard,
      });
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    } finally {
      both?.end();
    }
  }

  readonly #decide = (ended: AttemptResult): RetryDecision => {
    if ('error' in ended) return decideOnError(ended.error);
    const { status, headers } = ended.result as Response;
    const { retryStatuses, wallNow } = this.#options;
    if (!retryStatuses.has(status)) return 'final';
    const retryAfter = headers.get('retry-after');
    if (retryAfter === null) return 'retry';
    // The server asked for a delay that cannot be understood: any retry could be too early.
    return { retryAfterMs: parseRetryAfter(retryAfter, wallNow) ?? Number.POSITIVE_INFINITY };
  };

  readonly #discard = (response: Response): void => {
    cancelBody(response);
    this.#fetchSignal?.end();
  };

  /** Makes one attempt within its time, inside the breaker of its host. */
  async #attempt(ctx: CallContext, attempt: number): Promise<Response> {
    const { attemptTimeoutMs: timeoutMs, clock, name } = this.#options;
    const isBounded =
      timeoutMs !== Number.POSITIVE_INFINITY || ctx.deadline !== undefined || ctx.onDone !== undefined;
    if (!isBounded) return await this.#throughBreaker(ctx, attempt);
    const bounded = deriveContext(ctx, { timeoutMs, clock, name });
    try {
      return await this.#throughBreaker(bounded, attempt, bounded);
    } finally {
      bounded.end();
    }
  }

  async #throughBreaker(ctx: CallContext, attempt: number, bounded?: DerivedContext): Promise<Response> {
    const { breakerFor, wallNow } = this.#options;
    const { host } = this.#outgoing;
    const breaker = host === undefined ? undefined : breakerFor(host);
    if (breaker === undefined) return await this.#send(ctx, attempt, bounded);
    try {
      return await breaker.execute(async (given) => {
        const response = await this.#send(given, attempt, bounded);
        if (response.status < 500) return response;
        const retryAfter = response.headers.get('retry-after') ?? '';
        throw new FailedResponse(response, parseRetryAfter(retryAfter, wallNow));
      }, ctx);
    } catch (error) {
      if (error instanceof FailedResponse) return error.response;
      throw error;
    }
  }

  /** @param bounded - the context of the attempt if it may end; `ctx` is that one, unless a breaker has replaced it. */
  async #send(ctx: CallContext, attempt: number, bounded: DerivedContext | undefined): Promise<Response> {
    const { fetch, marginMs, clock, name } = this.#options;
    const { priority, deadline = Number.POSITIVE_INFINITY } = ctx;
    const headers = new Headers(this.#outgoing.headers);
    const remainingMs = deadline - clock.now();
    for (const [header, value] of Object.entries(wireHeaders({ remainingMs, marginMs, priority, attempt }))) {
      headers.set(header, value);
    }
    const init = { ...this.#init, headers };
    if (ctx.deadline === undefined && ctx.onDone === undefined)
      return await this.#sendUnbounded(init, ctx.signal);
    const own = ctx === bounded ? bounded : deriveContext(ctx, { clock, name });
    const fetchSignal = new FetchSignal(clock, name);
    fetchSignal.follow(own);
    this.#fetchSignal = fetchSignal;
    try {
      const { signal } = fetchSignal;
      const response = await raceContext(
        own,
        { clock, name },
        () => fetch(this.#input, { ...init, signal }),
        cancelBody,
      );
      const callers = this.#outgoing.signal === undefined ? [] : [{ signal: this.#outgoing.signal }];
      fetchSignal.followWhileRead(response.body, [this.#ctx, ...callers]);
      return response;
    } catch (error) {
      fetchSignal.end();
      throw error;
    } finally {
      if (own !== bounded) own.end();
    }
  }

  /** Sends an attempt that only `signal` can end, which then needs no signal of its own. */
  async #sendUnbounded(init: RequestInit, signal: AbortSignal | undefined): Promise<Response> {
    const { fetch, name } = this.#options;
    try {
      return await fetch(this.#input, signal === undefined ? init : { ...init, signal });
    } catch (error) {
      // A breaker must recognise a cancellation, whatever the reason is.
      if (!signal?.aborted) throw error;
      const { code, cause } = rejectionFor(signal.reason, name);
      throw new RejectedError(code, name, { workBegan: true, cause });
    }
  }
}
