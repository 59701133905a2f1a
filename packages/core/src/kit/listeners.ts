import type { Unsubscribe } from '../call-context.ts';
import { throwLater } from './never-throwing.ts';

/**
 * The listeners of one kind of event. Without listeners `emit` returns at once. A listener that throws does not disturb the
 * primitive or the other listeners; its error surfaces as an uncaught exception of the process.
 */
export class Listeners<Event> {
  #listeners: readonly ((event: Event) => void)[] = [];

  /** Whether there is no listener. */
  get isEmpty(): boolean {
    return this.#listeners.length === 0;
  }

  /** Adds `listener`; a function that is added twice is called twice. */
  add(listener: (event: Event) => void): Unsubscribe {
    const own = (event: Event): void => listener(event);
    this.#listeners = [...this.#listeners, own];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== own);
    };
  }

  /** Calls every listener that was present when the event happened, in the order they were added. */
  emit(event: Event): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        throwLater(error);
      }
    }
  }
}
