import type { Unsubscribe } from '@bp/core';
import { neverThrowing } from '@bp/core/kit';
import type { ContextDoneError } from './done.ts';

type DoneListener = (reason: ContextDoneError) => void;

/**
 * The listeners and children of one context. The sources that can end the context (a timer, its parent, an outer signal) are
 * watched only while there are any.
 */
export class Watch {
  readonly #start: () => Unsubscribe;
  readonly #listeners = new Set<DoneListener>();
  /** The children that have listeners; the others read their parent when they are read. */
  #children: Set<DoneListener> | undefined;
  #stop: Unsubscribe | undefined;

  /** @param start - begins to watch the sources that can end the context; returns a function that stops it. */
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

  /** Notifies the children, then the listeners. */
  finish(reason: ContextDoneError): void {
    for (const child of this.end()) child(reason);
    for (const listener of this.#listeners) {
      this.#listeners.delete(listener);
      listener(reason);
    }
  }

  /** Stops watching, and returns the children, which the caller must notify. */
  end(): Iterable<DoneListener> {
    this.#stop?.();
    this.#stop = undefined;
    const children = this.#children;
    this.#children = undefined;
    return children ?? [];
  }

  #join(listeners: Set<DoneListener>, listener: DoneListener): Unsubscribe {
    // A function of its own: a listener that is added twice is called twice, and one that throws disturbs no other.
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
