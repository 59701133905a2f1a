import {
  type CallContext,
  type ContextChanges,
  type DerivedContext,
  EMPTY_CONTEXT,
  type Unsubscribe,
} from '../call-context.ts';
import type { Clock } from '../clock.ts';
import { RejectedError } from '../rejected-error.ts';
import { watchContext } from './call-end.ts';
import { throwLater } from './never-throwing.ts';
import { signalOf } from './signal-of.ts';

/** Options of {@link deriveContext}. */
export interface DeriveOptions extends Omit<ContextChanges, 'timeLimitMs'> {
  /**
   * Milliseconds from now that this process gives the work. The deadline is at most as far ahead, and the derived context has
   * it as its `timeLimitMs`. Default: no limit.
   */
  readonly timeoutMs?: number | undefined;
  /** The clock of `deadline`. */
  readonly clock: Clock;
  /** The `rejectedBy` of the error with which the derived context ends. */
  readonly name: string;
}

type DoneListener = (reason: unknown) => void;

/** The fields that a derived context defines itself. */
const OWN_FIELDS = ['signal', 'deadline', 'onDone', 'doneReason', 'derive', 'end'] as const;

/** Describes the fields that a derived context takes over. Reads none: a getter may be costly. */
function otherFields(ctx: CallContext): PropertyDescriptorMap {
  const fields: PropertyDescriptorMap = Object.getOwnPropertyDescriptors(ctx);
  for (const name of OWN_FIELDS) delete fields[name];
  return fields;
}

/** Returns the smaller of a time limit and that of the context. */
const smaller = (timeLimitMs: number, ctx: CallContext): number =>
  Math.min(timeLimitMs, ctx.timeLimitMs ?? Number.POSITIVE_INFINITY);

/** What a {@link Derived} is made from. */
interface DerivedOptions extends ContextChanges {
  readonly clock: Clock;
  readonly name: string;
}

/** A plain context with an earlier end. Every field of the original that it does not change is an own field. */
class Derived implements DerivedContext {
  /**
   * Aborted when the context is over before its work has ended. An own accessor, made when first read: a copy
   * (`{ ...ctx, cost: 2 }`) then has a signal too.
   */
  declare readonly signal: AbortSignal;
  readonly deadline: number | undefined;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #fields: PropertyDescriptorMap;
  readonly #listeners = new Set<DoneListener>();
  readonly #unwatch: Unsubscribe[] = [];
  #signal: AbortSignal | undefined;
  #reason: RejectedError | undefined;
  #ended = false;

  constructor(
    original: CallContext,
    { deadline = Number.POSITIVE_INFINITY, signal, timeLimitMs, clock, name }: DerivedOptions,
  ) {
    this.#fields = otherFields(original);
    if (timeLimitMs !== undefined) {
      this.#fields.timeLimitMs = { value: smaller(timeLimitMs, original), enumerable: true };
    }
    // Not `Object.assign`, for which a field named `__proto__` would be the prototype.
    Object.defineProperties(this, this.#fields);
    Object.defineProperty(this, 'signal', { get: () => (this.#signal ??= signalOf(this)), enumerable: true });
    const earlier = Math.min(deadline, original.deadline ?? Number.POSITIVE_INFINITY);
    this.deadline = earlier === Number.POSITIVE_INFINITY ? undefined : earlier;
    this.#clock = clock;
    this.#name = name;
    this.#watch(original.onDone === undefined ? { signal: original.signal } : original);
    this.#watch({ signal, deadline: this.deadline });
  }

  get doneReason(): RejectedError | undefined {
    if (this.#ended) this.#reason ??= this.#endError('CANCELLED', 'ended');
    return this.#reason;
  }

  onDone(listener: DoneListener): Unsubscribe {
    const reason = this.doneReason;
    if (reason !== undefined) {
      listener(reason);
      return () => {};
    }
    // A function of its own, so that a listener that is added twice is called twice.
    const own: DoneListener = (end) => listener(end);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  derive(changes: ContextChanges): DerivedContext {
    return new Derived(this, { ...changes, clock: this.#clock, name: changes.name ?? this.#name });
  }

  end(): void {
    this.#ended = true;
    this.#listeners.clear();
    this.#stopWatching();
  }

  #watch(source: CallContext): void {
    if (this.#reason !== undefined) return;
    const unwatch = watchContext(source, this.#clock, this.#name, ({ code, cause }) =>
      this.#finish(code, cause),
    );
    if (unwatch === undefined) return;
    // A context that is over has called back at once.
    if (this.#reason === undefined) this.#unwatch.push(unwatch);
    else unwatch();
  }

  #finish(code: RejectedError['code'], cause: unknown): void {
    if (this.#reason !== undefined || this.#ended) return;
    const reason = this.#endError(code, cause);
    this.#reason = reason;
    this.#stopWatching();
    // A listener may remove others; one that is added now is called at once.
    for (const listener of this.#listeners) {
      this.#listeners.delete(listener);
      try {
        listener(reason);
      } catch (error) {
        throwLater(error);
      }
    }
  }

  // Only work that has begun meets this error; its cause is the reason of the original context or signal.
  #endError(code: RejectedError['code'], cause: unknown): RejectedError {
    return new RejectedError(code, this.#name, { workBegan: true, cause });
  }

  #stopWatching(): void {
    for (const unwatch of this.#unwatch.splice(0)) unwatch();
  }
}

/**
 * Derives a context that is over no later than `ctx` and `deadline`, and when `signal` is aborted. It keeps every other field
 * of a plain context; a context with a `derive` method, such as a `RequestContext`, derives itself. Call `end()` on the result
 * when its work is over.
 */
export function deriveContext(ctx: CallContext | undefined, options: DeriveOptions): DerivedContext {
  const { signal, name, clock, timeoutMs } = options;
  const hasLimit = timeoutMs !== undefined && timeoutMs !== Number.POSITIVE_INFINITY;
  const limitedAt = hasLimit ? clock.now() + timeoutMs : Number.POSITIVE_INFINITY;
  const earlier = Math.min(options.deadline ?? Number.POSITIVE_INFINITY, limitedAt);
  const deadline = earlier === Number.POSITIVE_INFINITY ? undefined : earlier;
  const changes = { deadline, signal, name, timeLimitMs: hasLimit ? timeoutMs : undefined };
  return ctx?.derive?.(changes) ?? new Derived(ctx ?? EMPTY_CONTEXT, { ...changes, clock, name });
}
