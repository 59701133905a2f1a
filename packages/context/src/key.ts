/** Identifies a value that a context carries. Every key is unique, whatever its description. */
export interface ContextKey<T> {
  /** For debugging. */
  readonly description: string;
  /** Carries the type of the value; absent at run time. */
  readonly __value?: T;
}

/** Makes a key for values of type `T`. */
export function contextKey<T>(description: string): ContextKey<T> {
  return { description };
}

/** The values that a context carries: a list that its children share and prepend to. */
export interface Values {
  readonly key: ContextKey<unknown>;
  readonly value: unknown;
  readonly next: Values | undefined;
}

/** Returns the first value under `key`; undefined if there is none. */
export function valueUnder<T>(key: ContextKey<T>, values: Values | undefined): T | undefined {
  for (let entry = values; entry !== undefined; entry = entry.next) {
    if (entry.key === key) return entry.value as T;
  }
  return undefined;
}
