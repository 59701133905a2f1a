import type { RejectedError, Unsubscribe } from '@bp/core';
import { Listeners } from '@bp/core/kit';

interface Drop<T> {
  readonly item: T;
  readonly rejection: RejectedError;
}

/** What {@link Notifications} need to know of a queue. */
export interface NotificationsOptions<T> {
  /** Items at which the queue becomes saturated. */
  readonly highWater: number;
  /** Items down to which it then stays saturated. */
  readonly lowWater: number;
  readonly onDrop: ((item: T, rejection: RejectedError) => void) | undefined;
}

/**
 * Notifies of dropped items and of saturation. Callbacks may use the queue, so they are called when the operation that
 * caused them is complete, and never inside of one another.
 */
export class Notifications<T> {
  readonly #options: NotificationsOptions<T>;
  readonly #onSaturation = new Listeners<boolean>();
  #drops: Drop<T>[] = [];
  #unwatch: Unsubscribe[] = [];
  #delivering = false;
  /** Whether the size has reached the high water mark and not yet fallen to the low one. */
  saturated = false;

  constructor(options: NotificationsOptions<T>) {
    this.#options = options;
  }

  onSaturation(listener: (saturated: boolean) => void): Unsubscribe {
    return this.#onSaturation.add(listener);
  }

  /** Notes an item that was dropped. */
  addDrop(item: T, rejection: RejectedError): void {
    if (this.#options.onDrop !== undefined) this.#drops.push({ item, rejection });
  }

  /** Notes what stops watching the context of an item that has left. */
  addUnwatch(unwatch: Unsubscribe): void {
    this.#unwatch.push(unwatch);
  }

  /** Calls back for all that has happened, and for what comes of that. Returns false, at once, while it is doing so. */
  deliver(queue: { readonly size: number }): boolean {
    if (this.#delivering) return false;
    this.#delivering = true;
    try {
      while (this.#unwatchLeft() || this.#deliverDrops() || this.#deliverSaturation(queue.size));
    } finally {
      this.#delivering = false;
    }
    return true;
  }

  #unwatchLeft(): boolean {
    const left = this.#unwatch;
    if (left.length === 0) return false;
    this.#unwatch = [];
    for (const unwatch of left) unwatch();
    return true;
  }

  #deliverDrops(): boolean {
    const drops = this.#drops;
    if (drops.length === 0) return false;
    this.#drops = [];
    for (const { item, rejection } of drops) this.#options.onDrop?.(item, rejection);
    return true;
  }

  #deliverSaturation(size: number): boolean {
    const { highWater, lowWater } = this.#options;
    const changed = this.saturated ? size <= lowWater : size >= highWater;
    if (!changed) return false;
    this.saturated = !this.saturated;
    this.#onSaturation.emit(this.saturated);
    return true;
  }
}
