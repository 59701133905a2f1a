import type { Permit } from '@bp/core';
import type { CircuitOutcome } from './outcome.ts';

/**
 * Permission for one call through a breaker. The first of its methods ends the call; later calls of them do nothing.
 * `release()` and disposing end it without an outcome: it counts as neither success nor failure.
 */
export interface CircuitPermit extends Permit {
  /** Ends the call as a success. */
  success(): void;
  /** Ends the call as a failure; a `retryAfterMs` of `error` lengthens the open time. */
  failure(error?: unknown): void;
}

/** Notifies the breaker of an outcome. */
export type Settle = (outcome: CircuitOutcome, generation: number, startedAt: number, error: unknown) => void;

/** A permit of the generation in which its call began. */
export class OncePermit implements CircuitPermit {
  readonly #generation: number;
  readonly #startedAt: number;
  #settle: Settle | undefined;

  constructor(settle: Settle, generation: number, startedAt: number) {
    this.#settle = settle;
    this.#generation = generation;
    this.#startedAt = startedAt;
  }

  get released(): boolean {
    return this.#settle === undefined;
  }

  success(): void {
    this.#end('success', undefined);
  }

  failure(error?: unknown): void {
    this.#end('failure', error);
  }

  release(): void {
    this.#end('ignored', undefined);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  #end(outcome: CircuitOutcome, error: unknown): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(outcome, this.#generation, this.#startedAt, error);
  }
}
