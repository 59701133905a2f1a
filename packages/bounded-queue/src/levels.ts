import type { CallContext } from '@bp/core';
import type { Entry } from './entry.ts';
import type { Level } from './level.ts';
import type { Storage } from './storage.ts';
import { Victims } from './victims.ts';

/**
 * Highest priority first. Levels are kept sorted and exist only while they hold something, so every operation is O(log n)
 * to O(n) in the levels, of which few are usual and more than the capacity impossible.
 */
export class Levels<T> implements Storage<T> {
  readonly displacesEquals = false;
  readonly #newLevel: (priority: number) => Level<T>;
  /** Least important first. */
  readonly #levels: Level<T>[] = [];

  constructor(newLevel: (priority: number) => Level<T>) {
    this.#newLevel = newLevel;
  }

  add(entry: Entry<T>): void {
    this.#levelOf(entry.priority).add(entry);
  }

  remove(entry: Entry<T>): void {
    const index = this.#indexOf(entry.priority);
    this.#levels[index]?.remove(entry);
    this.#forgetIfEmpty(index);
  }

  serve(entry: Entry<T>): void {
    const index = this.#indexOf(entry.priority);
    this.#levels[index]?.serve(entry);
    this.#forgetIfEmpty(index);
  }

  next(newestFirst: boolean): Entry<T> | undefined {
    return this.#levels[this.#levels.length - 1]?.next(newestFirst);
  }

  victim(): Entry<T> | undefined {
    return this.#levels[0]?.victim();
  }

  victimsFor(newcomer: CallContext, items: number, weight: number): Entry<T>[] | undefined {
    const { priority = 0 } = newcomer;
    const lowest = this.#levels[0];
    if (lowest === undefined || lowest.priority > priority) return undefined;
    const victims = new Victims<T>(items, weight);
    for (const level of this.#levels) {
      if (level.priority < priority) level.yieldAll(victims);
      else if (level.priority === priority) level.yieldTo(newcomer, victims);
      if (victims.enough) return victims.entries;
      if (level.priority >= priority) break;
    }
    return undefined;
  }

  weightAhead(newcomer: CallContext, newestFirst: boolean): number {
    const { priority = 0 } = newcomer;
    let weight = 0;
    for (let i = this.#levels.length - 1; i >= 0; i--) {
      const level = this.#levels[i] as Level<T>;
      if (level.priority < priority) break;
      weight += level.priority === priority ? level.weightAhead(newcomer, newestFirst) : level.weight;
    }
    return weight;
  }

  #levelOf(priority: number): Level<T> {
    const index = this.#indexOf(priority);
    const found = this.#levels[index];
    if (found?.priority === priority) return found;
    const level = this.#newLevel(priority);
    this.#levels.splice(index, 0, level);
    return level;
  }

  #forgetIfEmpty(index: number): void {
    if (this.#levels[index]?.size === 0) this.#levels.splice(index, 1);
  }

  /** Where the level of `priority` is or would have to be. */
  #indexOf(priority: number): number {
    let low = 0;
    let high = this.#levels.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#levels[middle] as Level<T>).priority < priority) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
