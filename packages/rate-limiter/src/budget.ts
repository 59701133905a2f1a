/**
 * Something that can be asked for tokens: what limits are combined from. All times are those of one clock, which
 * everything that is combined has to share.
 */
export interface Budget {
  /** What it is called in rejections. */
  readonly name: string;
  /** The highest cost that can ever be admitted. */
  readonly maxCost: number;
  /** Takes `cost` tokens if they are there. Never throws, never waits. */
  tryAcquire(cost?: number, now?: number): boolean;
  /** Whether `tryAcquire` would admit the same call, without taking anything. */
  check(cost?: number, now?: number): boolean;
  /**
   * Milliseconds after `now` from which the same call is admitted: 0 if it is now, `Infinity` if it never will be.
   * `ahead` (default 0) is what others will have taken before it.
   */
  retryAfterMs(cost?: number, now?: number, ahead?: number): number;
  /** Gives back `cost` tokens that were taken and not used; a full bucket stays full. */
  refund(cost?: number, now?: number): void;
}
