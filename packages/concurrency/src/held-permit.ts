import type { Permit } from '@bp/core';

/** A permit that was handed out, with its cost and the time at which its call started. */
export class HeldPermit implements Permit {
  readonly #cost: number;
  readonly #startedAt: number;
  #giveBack: ((cost: number, startedAt: number) => void) | undefined;

  /** @param startedAt - `NaN` if the start was not timed. */
  constructor(giveBack: (cost: number, startedAt: number) => void, cost: number, startedAt: number) {
    this.#giveBack = giveBack;
    this.#cost = cost;
    this.#startedAt = startedAt;
  }

  get released(): boolean {
    return this.#giveBack === undefined;
  }

  release(): void {
    const giveBack = this.#giveBack;
    this.#giveBack = undefined;
    giveBack?.(this.#cost, this.#startedAt);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
