// Captured when this module is loaded: a microtask of fake timers may never run, and the error would be lost.
const runSoon = /* @__PURE__ */ globalThis.queueMicrotask.bind(globalThis);

/** Throws `error` in a microtask: it surfaces as an uncaught exception of the process and does not disturb the current caller. */
export function throwLater(error: unknown): void {
  runSoon(() => {
    throw error;
  });
}

/**
 * Wraps `callback` so that it never throws: if it does, the result comes from `fallback`, and the error surfaces as an
 * uncaught exception of the process.
 */
export function neverThrowing<Args extends readonly unknown[], Result>(
  callback: (...args: Args) => Result,
  fallback: (...args: Args) => Result,
): (...args: Args) => Result {
  return (...args) => {
    try {
      return callback(...args);
    } catch (error) {
      throwLater(error);
      return fallback(...args);
    }
  };
}
