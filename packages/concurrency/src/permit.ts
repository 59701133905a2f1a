/** Leave to run, until it is released. Releasing it again does nothing, so no stray release can make more permits. */
export interface Permit extends Disposable {
  /** Gives the permit back, when the work has really ended. */
  release(): void;
  /** Whether it has been given back. */
  readonly released: boolean;
}

/** A permit that tells whoever gave it out once, with its weight and the time it was given. */
export class OncePermit implements Permit {
  readonly #weight: number;
  readonly #startedAt: number;
  #giveBack: ((weight: number, startedAt: number) => void) | undefined;

  constructor(giveBack: (weight: number, startedAt: number) => void, weight: number, startedAt: number) {
    this.#giveBack = giveBack;
    this.#weight = weight;
    this.#startedAt = startedAt;
  }

  get released(): boolean {
    return this.#giveBack === undefined;
  }

  release(): void {
    const giveBack = this.#giveBack;
    this.#giveBack = undefined;
    giveBack?.(this.#weight, this.#startedAt);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
