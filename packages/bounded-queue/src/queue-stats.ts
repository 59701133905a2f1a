/** A snapshot of a queue: gauges, and counters that only grow. */
export interface QueueStats {
  /** Items queued now. */
  readonly size: number;
  readonly capacity: number;
  /** The sum of the weights of the items queued now. */
  readonly weight: number;
  /** Whether the size has reached the high water mark and not yet fallen to the low one. */
  readonly saturated: boolean;
  /** Calls of `push` that wait for room. */
  readonly waitingProducers: number;
  /** Calls of `take` that wait for an item. */
  readonly waitingTakers: number;
  /** Items accepted so far: each is taken, dropped or still queued. */
  readonly accepted: number;
  readonly taken: number;
  /** Accepted items that `onDrop` was called for. */
  readonly dropped: number;
  /** Pushes rejected so far. */
  readonly rejected: number;
}
