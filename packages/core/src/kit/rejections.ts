import { RejectedError, type RejectedErrorOptions, type RejectionCode } from '../rejected-error.ts';
import { Listeners, type Unsubscribe } from './listeners.ts';

/** The rejections of one primitive: makes them, counts them and notifies `onRejected` listeners. */
export class Rejections {
  readonly #name: string;
  readonly #listeners = new Listeners<RejectedError>();
  /** How many calls were rejected. */
  count = 0;

  /** @param name - the name of the primitive, for `rejectedBy`. */
  constructor(name: string) {
    this.#name = name;
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

  /** For `tryX`: counts a rejection, and makes it only if there is a listener. */
  recordLazily(make: () => RejectedError): void {
    if (this.#listeners.isEmpty) this.count++;
    else this.record(make());
  }
}
