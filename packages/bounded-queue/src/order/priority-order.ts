import type { CallContext } from '@bp/core';
import type { Entry } from './entry.ts';
import type { Level } from './level.ts';
import type { Order } from './order.ts';
import { SumTree } from './sum-tree.ts';

/**
 * Highest priority first; within a level of equal priority the level decides. An item evicts entries of lower levels, the
 * lowest first, then those of its own level that the level lets it evict. Levels exist only while they hold entries.
 */
export class PriorityOrder<T, L extends Level<T> = Level<T>> implements Order<T> {
  readonly byPriority = true;
  readonly keyed: boolean;
  readonly evictsEqual = false;
  readonly #newLevel: (priority: number) => L;
  protected readonly levels = new Map<number, L>();
  readonly #sorted = new SumTree<L>();

  constructor(newLevel: (priority: number) => L, keyed = false) {
    this.#newLevel = newLevel;
    this.keyed = keyed;
  }

  add(entry: Entry<T>): void {
    let level = this.levels.get(entry.priority);
    if (level === undefined) {
      level = this.#newLevel(entry.priority);
      this.levels.set(entry.priority, level);
      this.#sorted.add(level);
    }
    level.add(entry);
    this.#sorted.update(level);
  }

  remove(entry: Entry<T>): void {
    const level = this.levels.get(entry.priority) as L;
    level.remove(entry);
    this.#changed(level, entry.priority);
  }

  serve(entry: Entry<T>): void {
    const level = this.levels.get(entry.priority) as L;
    level.serve(entry);
    this.#changed(level, entry.priority);
  }

  next(newestFirst: boolean): Entry<T> | undefined {
    return this.#sorted.last?.next(newestFirst);
  }

  least(): Entry<T> | undefined {
    return this.#sorted.first?.least();
  }

  canEvictFor(ctx: CallContext, items: number, weight: number): boolean {
    const { priority = 0 } = ctx;
    const itemsLeft = items - this.#sorted.countBelow(priority);
    const weightLeft = weight - this.#sorted.weightBelow(priority);
    if (itemsLeft <= 0 && weightLeft <= 0) return true;
    return this.levels.get(priority)?.canEvictFor(ctx, itemsLeft, weightLeft) ?? false;
  }

  evictionFor(ctx: CallContext, weight: number): Entry<T> | undefined {
    const { priority = 0 } = ctx;
    const lowest = this.#sorted.first;
    if (lowest === undefined || lowest.rank > priority) return undefined;
    return lowest.rank < priority ? lowest.least() : lowest.evictionFor(ctx, weight);
  }

  weightAhead(ctx: CallContext, newestFirst: boolean): number {
    const { priority = 0 } = ctx;
    const equal = this.levels.get(priority)?.weightAhead(ctx, newestFirst) ?? 0;
    return this.#sorted.weightAbove(priority) + equal;
  }

  #changed(level: L, priority: number): void {
    if (level.count > 0) {
      this.#sorted.update(level);
    } else {
      this.levels.delete(priority);
      this.#sorted.remove(level);
    }
  }
}
