/** Under which a context carries a value; two keys are never the same, whatever they are called. */
export interface ContextKey<T> {
  /** For whoever debugs. */
  readonly description: string;
  /** Only for the type of the value; never there at run time. */
  readonly __value?: T;
}

/** A key for values of type `T`. */
export function contextKey<T>(description: string): ContextKey<T> {
  return { description };
}

/** What a context carries: a list that its children share and add to in front. */
export interface Values {
  readonly key: ContextKey<unknown>;
  readonly value: unknown;
  readonly next: Values | undefined;
}

/** The value nearest to the front under `key`. */
export function valueUnder<T>(key: ContextKey<T>, values: Values | undefined): T | undefined {
  for (let entry = values; entry !== undefined; entry = entry.next) {
    if (entry.key === key) return entry.value as T;
  }
  return undefined;
}
