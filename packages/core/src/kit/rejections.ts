import type { Unsubscribe } from '../call-context.ts';
import { RejectedError, type RejectedErrorOptions, type RejectionCode } from '../rejected-error.ts';
import { Listeners } from './listeners.ts';

/** Makes and counts the rejections of one primitive and notifies its `onRejected` listeners. */
export class Rejections {
  readonly #name: string;
  readonly #listeners = new Listeners<RejectedError>();
  /** How many calls were rejected. */
  count = 0;

  /** @param name - the name of the primitive, for `rejectedBy`. */
  constructor(name: string) {
    this.#name = name;
  }

  /**
   * Whether there is a listener. A `tryX` that rejects without one needs no `RejectedError`: it adds 1 to `count`, which
   * allocates nothing.
   */
  get isObserved(): boolean {
    return !this.#listeners.isEmpty;
  }

  /** Calls `listener` for every rejection from now on. Without listeners a rejection costs nothing more. */
  onRejected(listener: (rejection: RejectedError) => void): Unsubscribe {
    return this.#listeners.add(listener);
  }

  /** Counts `rejection`, notifies the listeners, and returns it. */
  record(rejection: RejectedError): RejectedError {
    this.count++;
    this.#listeners.emit(rejection);
    return rejection;
  }

  /** Makes and records a rejection. */
  reject(code: RejectionCode, options?: RejectedErrorOptions): RejectedError {
    return this.record(new RejectedError(code, this.#name, options));
  }

  /** Counts a rejection of a `tryX`, and makes it only if there is a listener. A `make` that is a closure is an allocation. */
  recordLazily(make: () => RejectedError): void {
    if (this.isObserved) this.record(make());
    else this.count++;
  }
}
