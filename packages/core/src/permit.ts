/** A permit to run, until it is released. Releasing it again does nothing, so that a repeated release adds no permits. */
export interface Permit extends Disposable {
  /** Gives the permit back. Call it when the work has really ended. */
  release(): void;
  /** Whether the permit has been given back. */
  readonly released: boolean;
}
