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
