import { type CallContext, type Clock, isRejected, type Unsubscribe } from '@bp/core';
import { watchContext } from '@bp/core/kit';

/** Calls functions when the objects that they were registered for have been collected. */
const whenCollected = /* @__PURE__ */ new FinalizationRegistry<() => void>((end) => end());

/** Returns what the caller gave as the reason, without the rejections that were derived from it. */
function rootCauseOf(reason: unknown): unknown {
  let root = reason;
  while (isRejected(root) && root.cause !== undefined) root = root.cause;
  return root;
}

/**
 * The signal of one request. It is aborted when a context that it follows ends. `AbortSignal.any` would leave something on
 * every long-lived signal.
 */
export class FetchSignal {
  readonly #controller = new AbortController();
  readonly #clock: Clock;
  readonly #name: string;
  #stops: Unsubscribe[] = [];

  constructor(clock: Clock, name: string) {
    this.#clock = clock;
    this.#name = name;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  follow(ctx: CallContext): void {
    const stop = watchContext(ctx, this.#clock, this.#name, (rejection) =>
      this.#controller.abort(rootCauseOf(rejection)),
    );
    if (stop !== undefined) this.#stops.push(stop);
  }

  /** Follows other contexts instead, those of the caller, until `body` has been collected. */
  followWhileRead(body: object | null, callers: readonly CallContext[]): void {
    this.end();
    if (body === null) return;
    for (const ctx of callers) {
      // Without its deadline, unless that is part of how it ends. Reading the signal of such a context may cost a controller.
      this.follow(ctx.onDone === undefined ? { signal: ctx.signal } : ctx);
    }
    if (this.#stops.length > 0) whenCollected.register(body, () => this.end());
  }

  /** Follows nothing any more. */
  end(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }
}
