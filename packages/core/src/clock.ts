/** A timer that has been set and may still be cancelled. */
export interface Timer {
  /** Stops the timer; a no-op once it has fired. */
  cancel(): void;
}

/** Options of `setTimer`. */
export interface TimerOptions {
  /** Whether a pending timer keeps the process alive. Default: true. */
  readonly keepAlive?: boolean;
}

/**
 * The only source of time in every primitive. Its origin is arbitrary and only differences mean anything, so changes of the
 * wall clock affect no decision.
 */
export interface Clock {
  /** Returns monotonic milliseconds, with fractions. */
  now(): number;
  /**
   * Calls `callback` once, not before `delayMs` milliseconds have passed. Any delay is honoured, also above
   * the 2^31 - 1 ms at which the platform's own timers overflow; a delay of 0 or less fires as soon as possible.
   */
  setTimer(callback: () => void, delayMs: number, options?: TimerOptions): Timer;
  /** Calls `callback` once in the next turn of the event loop, after the I/O that is ready now. Keeps the process alive. */
  nextTurn(callback: () => void): void;
}

const MAX_PLATFORM_DELAY_MS = 2 ** 31 - 1;

/** The functions of the platform that a clock uses. */
interface Platform {
  readonly now: () => number;
  readonly setTimeout: typeof globalThis.setTimeout;
  readonly clearTimeout: typeof globalThis.clearTimeout;
}

class PlatformTimer implements Timer {
  readonly #platform: Platform;
  readonly #callback: () => void;
  readonly #keepAlive: boolean;
  readonly #due: number;
  #handle: ReturnType<typeof setTimeout> | undefined;

  constructor(platform: Platform, callback: () => void, delayMs: number, keepAlive: boolean) {
    this.#platform = platform;
    this.#callback = callback;
    this.#keepAlive = keepAlive;
    this.#due = platform.now() + delayMs;
    this.#arm(delayMs);
  }

  cancel(): void {
    this.#platform.clearTimeout(this.#handle);
  }

  #arm(delayMs: number): void {
    const platformMs = Math.max(0, Math.min(Math.ceil(delayMs), MAX_PLATFORM_DELAY_MS));
    this.#handle = this.#platform.setTimeout(this.#fire, platformMs);
    if (!this.#keepAlive) (this.#handle as { unref?: () => void }).unref?.();
  }

  // Platform timers round, so they can fire a fraction of a millisecond early. Long delays are split.
  readonly #fire = (): void => {
    const leftMs = this.#due - this.#platform.now();
    if (leftMs > 0) this.#arm(leftMs);
    else this.#callback();
  };
}

/** Returns `setImmediate` where it exists; elsewhere a function that posts a message, which unlike a timer of 0 ms is not slowed down. */
function platformTurn(): (callback: () => void) => void {
  const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => void };
  if (setImmediate !== undefined) return (callback) => setImmediate(callback);
  let post: ((callback: () => void) => void) | undefined;
  return (callback) => {
    post ??= messageTurn();
    post(callback);
  };
}

function messageTurn(): (callback: () => void) => void {
  const { port1, port2 } = new MessageChannel();
  const callbacks: (() => void)[] = [];
  port1.onmessage = () => callbacks.shift()?.();
  return (callback) => {
    callbacks.push(callback);
    port2.postMessage(null);
  };
}

/**
 * Makes a clock over the platform's `performance.now`, `setTimeout` and `setImmediate` as they are now. Fake timers that are
 * installed later do not affect it. To let fake timers drive a primitive, install them first, then make a clock for it.
 */
export function createSystemClock(): Clock {
  const { performance, setTimeout, clearTimeout } = globalThis;
  const now = performance.now;
  const platform: Platform = {
    now: () => now.call(performance),
    setTimeout: setTimeout.bind(globalThis) as typeof globalThis.setTimeout,
    clearTimeout: clearTimeout.bind(globalThis),
  };
  const turn = platformTurn();
  return {
    now: platform.now,
    setTimer: (callback, delayMs, options) =>
      new PlatformTimer(platform, callback, delayMs, options?.keepAlive ?? true),
    nextTurn: (callback) => turn(callback),
  };
}

/** The platform's monotonic clock, made when this module is loaded: fake timers do not affect it. The default of every primitive. */
export const systemClock: Clock = /* @__PURE__ */ createSystemClock();
