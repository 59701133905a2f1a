import type { RejectedError, Unsubscribe } from '@bp/core';
import { Listeners } from '@bp/core/kit';

interface Drop<T> {
  readonly item: T;
  readonly rejection: RejectedError;
}

/**
 * What is to be told of a queue: who was dropped, and that it is full, from its high water mark on until it is back at its low
 * one. It is told when all is done that was to be done, because whoever hears it may come back with more.
 */
export class News<T> {
  readonly highWater: number;
  readonly lowWater: number;
  readonly #onDrop: ((item: T, rejection: RejectedError) => void) | undefined;
  readonly #listeners = new Listeners<boolean>();
  #drops: Drop<T>[] = [];
  #telling = false;
  saturated = false;

  /** @param highWater - items at which it is saturated; @param lowWater - items down to which it then stays so. */
  constructor(
    highWater: number,
    lowWater: number,
    onDrop: ((item: T, rejection: RejectedError) => void) | undefined,
  ) {
    this.highWater = highWater;
    this.lowWater = lowWater;
    this.#onDrop = onDrop;
  }

  onSaturation(listener: (saturated: boolean) => void): Unsubscribe {
    return this.#listeners.add(listener);
  }

  dropped(item: T, rejection: RejectedError): void {
    if (this.#onDrop === undefined) return;
    this.#drops.push({ item, rejection });
  }

  /** Tells all there is, and what comes of that; false, and nothing told, if it is being told already. */
  tell(queue: { readonly size: number }): boolean {
    if (this.#telling) return false;
    this.#telling = true;
    while (this.#tellDrops() || this.#tellSaturation(queue.size));
    this.#telling = false;
    return true;
  }

  #tellDrops(): boolean {
    const drops = this.#drops;
    if (drops.length === 0) return false;
    this.#drops = [];
    for (const { item, rejection } of drops) this.#onDrop?.(item, rejection);
    return true;
  }

  #tellSaturation(size: number): boolean {
    const changed = this.saturated ? size <= this.lowWater : size >= this.highWater;
    if (!changed) return false;
    this.saturated = !this.saturated;
    this.#listeners.emit(this.saturated);
    return true;
  }
}
