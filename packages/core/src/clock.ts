/** A timer that has been set and may still be cancelled. */
export interface Timer {
  /** Stops the timer; a no-op once it has fired. */
  cancel(): void;
}

/** What a timer may be told when it is set. */
export interface TimerOptions {
  /** Whether a pending timer keeps the process alive. Default: true. */
  readonly keepAlive?: boolean;
}

/**
 * The only source of time in every primitive. Its origin is arbitrary; only differences mean anything,
 * so changes of the wall clock never reach a decision.
 */
export interface Clock {
  /** Monotonic milliseconds, with fractions. */
  now(): number;
  /**
   * Calls `callback` once, not before `delayMs` milliseconds have passed. Any delay is honoured, also above
   * the 2^31 - 1 ms at which the platform's own timers overflow; a delay of 0 or less fires as soon as possible.
   */
  setTimer(callback: () => void, delayMs: number, options?: TimerOptions): Timer;
  /** Calls `callback` once in the next turn of the event loop, after the I/O that is ready now has been seen. */
  nextTurn(callback: () => void): void;
}

const MAX_PLATFORM_DELAY_MS = 2 ** 31 - 1;

class PlatformTimer implements Timer {
  readonly #callback: () => void;
  readonly #keepAlive: boolean;
  readonly #due: number;
  #handle: ReturnType<typeof setTimeout> | undefined;

  constructor(callback: () => void, delayMs: number, keepAlive: boolean) {
    this.#callback = callback;
    this.#keepAlive = keepAlive;
    this.#due = performance.now() + delayMs;
    this.#arm(delayMs);
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  #arm(delayMs: number): void {
    const platformMs = Math.max(0, Math.min(Math.ceil(delayMs), MAX_PLATFORM_DELAY_MS));
    this.#handle = setTimeout(this.#fire, platformMs);
    if (!this.#keepAlive) (this.#handle as { unref?: () => void }).unref?.();
  }

  // Platform timers round, so they can fire a fraction of a millisecond early, and long ones come in slices.
  readonly #fire = (): void => {
    const leftMs = this.#due - performance.now();
    if (leftMs > 0) this.#arm(leftMs);
    else this.#callback();
  };
}

/** `setImmediate` where there is one; elsewhere a message, which unlike a timer of 0 ms is not slowed down. */
function platformTurn(): (callback: () => void) => void {
  const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => void };
  if (setImmediate !== undefined) return setImmediate;
  const { port1, port2 } = new MessageChannel();
  const callbacks: (() => void)[] = [];
  port1.onmessage = () => callbacks.shift()?.();
  return (callback) => {
    callbacks.push(callback);
    port2.postMessage(null);
  };
}

let turn: ((callback: () => void) => void) | undefined;

/** The platform's monotonic clock: `performance.now()` and `setTimeout`. The default of every primitive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer: (callback, delayMs, options) => new PlatformTimer(callback, delayMs, options?.keepAlive ?? true),
  nextTurn: (callback) => {
    turn ??= platformTurn();
    turn(callback);
  },
};
