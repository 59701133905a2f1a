import type { Unsubscribe } from '@bp/core';
import { neverThrowing } from '@bp/core/kit';
import type { ContextDoneError } from './done.ts';

type DoneListener = (reason: ContextDoneError) => void;

/**
 * Whoever wants to be told that one context is over. What could end it (a timer, its parent, an outer signal) is
 * watched only while there is somebody to tell.
 */
export class Watch {
  readonly #start: () => Unsubscribe;
  readonly #listeners = new Set<DoneListener>();
  /** The children that somebody waits for; the others look up when they are asked. */
  #children: Set<DoneListener> | undefined;
  #stop: Unsubscribe | undefined;

  /** @param start - begins to watch what could end the context, and returns what stops it. */
  constructor(start: () => Unsubscribe) {
    this.#start = start;
  }

  add(listener: DoneListener): Unsubscribe {
    return this.#join(this.#listeners, listener);
  }

  addChild(listener: DoneListener): Unsubscribe {
    this.#children ??= new Set();
    return this.#join(this.#children, listener);
  }

  /** Tells everybody, from the bottom up. */
  finish(reason: ContextDoneError): void {
    for (const child of this.end()) child(reason);
    for (const listener of this.#listeners) {
      this.#listeners.delete(listener);
      listener(reason);
    }
  }

  /** Watches nothing any more, and hands over the children for whoever ends it to tell. */
  end(): Iterable<DoneListener> {
    this.#stop?.();
    this.#stop = undefined;
    const children = this.#children;
    this.#children = undefined;
    return children ?? [];
  }

  #join(listeners: Set<DoneListener>, listener: DoneListener): Unsubscribe {
    // A function of its own: the same listener added twice is told twice, and one that throws disturbs nobody.
    const own = neverThrowing(listener, () => {});
    listeners.add(own);
    this.#stop ??= this.#start();
    return () => {
      listeners.delete(own);
      if (this.#listeners.size > 0 || (this.#children?.size ?? 0) > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }
}
