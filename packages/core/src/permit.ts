/** Leave to run, until it is released. Releasing it again does nothing, so a stray release cannot add permits. */
export interface Permit extends Disposable {
  /** Gives the permit back. Call it when the work has really ended. */
  release(): void;
  /** Whether it has been given back. */
  readonly released: boolean;
}
