/** Leave for one call. It is settled once; whatever is said of it later changes nothing. */
export interface Permit extends Disposable {
  /** The dependency answered as it should. */
  success(): void;
  /** It did not; `error` may carry a `retryAfterMs` that lengthens the open time. */
  failure(error?: unknown): void;
  /** It was never asked, or nothing can be said of it; disposing an unsettled permit means the same. */
  ignore(): void;
}

/** What a permit tells its breaker, once. */
export type Settle = (
  outcome: 'success' | 'failure' | 'ignored',
  generation: number,
  startedAt: number,
  error: unknown,
) => void;

/** A permit of the generation in which its call began. */
export class OncePermit implements Permit {
  readonly #generation: number;
  readonly #startedAt: number;
  #settle: Settle | undefined;

  constructor(settle: Settle, generation: number, startedAt: number) {
    this.#settle = settle;
    this.#generation = generation;
    this.#startedAt = startedAt;
  }

  success(): void {
    this.#once('success', undefined);
  }

  failure(error?: unknown): void {
    this.#once('failure', error);
  }

  ignore(): void {
    this.#once('ignored', undefined);
  }

  [Symbol.dispose](): void {
    this.ignore();
  }

  #once(outcome: 'success' | 'failure' | 'ignored', error: unknown): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(outcome, this.#generation, this.#startedAt, error);
  }
}
