/** Lets an error surface as an uncaught exception of the process, without disturbing whoever runs now. */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/**
 * `callback`, as a primitive may call it where its own work must go on: if it throws, `fallback` answers instead, and the
 * error surfaces as an uncaught exception of the process.
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
