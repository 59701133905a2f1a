import type { CallContext } from '@bp/core';
import type { Entry } from './entry.ts';
import { EntryList } from './entry-list.ts';
import { Heap, Ranked } from './heap.ts';
import type { Level } from './level.ts';
import type { Victims } from './victims.ts';

/** What one key has waiting. */
class Flow<T> extends EntryList<T> {
  /** The virtual time at which what it was served so far was done. */
  served: number;
  /** By when its first would be done. */
  readonly byFinish: Ranked<Flow<T>>;
  /** By how much it has waiting, the heaviest first. */
  readonly byLoad: Ranked<Flow<T>>;

  constructor(served: number) {
    super();
    this.served = served;
    this.byFinish = new Ranked(this, served);
    this.byLoad = new Ranked(this, 0);
  }
}

/**
 * Shares what comes out between keys, by weight: of those whose first would be done first in a system that serves all keys
 * at once, that one comes next (S. J. Golestani, "A self-clocked fair queueing scheme", INFOCOM 1994). A key that has
 * nothing waiting is forgotten, and loses nothing: its next begins at the virtual time of the last that was taken.
 *
 * Whoever has most waiting makes room first, with its newest (B. Suter et al., "Design considerations for supporting TCP
 * with per-flow queueing", INFOCOM 1998: longest queue drop).
 */
export class FairLevel<T> implements Level<T> {
  readonly priority: number;
  readonly #flows = new Map<string | undefined, Flow<T>>();
  readonly #byFinish = new Heap<Flow<T>>();
  readonly #byLoad = new Heap<Flow<T>>();
  #virtualTime = 0;
  size = 0;
  weight = 0;

  constructor(priority: number) {
    this.priority = priority;
  }

  add(entry: Entry<T>): void {
    this.size++;
    this.weight += entry.weight;
    const flow = this.#flows.get(entry.key);
    if (flow === undefined) {
      this.#begin(new Flow<T>(this.#virtualTime), entry);
    } else {
      flow.add(entry);
      this.#byLoad.move(flow.byLoad, -flow.weight);
    }
  }

  /** Removes one that is served: what it weighs counts as the share of its key. */
  serve(entry: Entry<T>): void {
    const flow = this.#flows.get(entry.key) as Flow<T>;
    flow.served += entry.weight;
    this.#virtualTime = Math.max(this.#virtualTime, flow.served);
    this.remove(entry);
  }

  remove(entry: Entry<T>): void {
    const flow = this.#flows.get(entry.key) as Flow<T>;
    flow.remove(entry);
    this.size--;
    this.weight = this.size === 0 ? 0 : this.weight - entry.weight;
    if (flow.first === undefined) {
      this.#flows.delete(entry.key);
      this.#byFinish.remove(flow.byFinish);
      this.#byLoad.remove(flow.byLoad);
    } else {
      this.#byFinish.move(flow.byFinish, flow.served + flow.first.weight);
      this.#byLoad.move(flow.byLoad, -flow.weight);
    }
  }

  next(newestFirst: boolean): Entry<T> | undefined {
    const flow = this.#byFinish.first;
    return newestFirst ? flow?.last : flow?.first;
  }

  victim(): Entry<T> | undefined {
    return this.#byLoad.first?.last;
  }

  yieldAll(victims: Victims<T>): void {
    for (const { last } of this.#byLoad) {
      for (let entry = last; entry !== undefined && !victims.enough; entry = entry.previous) {
        victims.add(entry);
      }
    }
  }

  /** The heaviest key makes room, as long as it still has no less waiting than the newcomer's key then has. */
  yieldTo({ key, cost = 1 }: CallContext, victims: Victims<T>): void {
    const heaviest = this.#byLoad.first;
    if (heaviest === undefined) return;
    const least = (this.#flows.get(key)?.weight ?? 0) + cost;
    let left = heaviest.weight;
    for (let entry = heaviest.last; entry !== undefined && !victims.enough; entry = entry.previous) {
      left -= entry.weight;
      if (left < least) return;
      victims.add(entry);
    }
  }

  /**
   * Every other key is served as much as the newcomer's has waiting then, if it has that much: true to within one item of
   * each key. O(keys that wait).
   */
  weightAhead({ key, cost = 1 }: CallContext, newestFirst: boolean): number {
    const own = this.#flows.get(key);
    const before = newestFirst ? 0 : (own?.weight ?? 0);
    let weight = before;
    for (const flow of this.#flows.values()) {
      if (flow !== own) weight += Math.min(flow.weight, before + cost);
    }
    return weight;
  }

  #begin(flow: Flow<T>, first: Entry<T>): void {
    flow.add(first);
    this.#flows.set(first.key, flow);
    flow.byFinish.rank = flow.served + first.weight;
    flow.byLoad.rank = -first.weight;
    this.#byFinish.add(flow.byFinish);
    this.#byLoad.add(flow.byLoad);
  }
}
