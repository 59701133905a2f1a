import type { CallContext } from '@bp/core';
import { Heap, HeapNode } from '@bp/core/kit';
import type { Entry } from './entry.ts';
import { EntryList } from './entry-list.ts';
import { Level } from './level.ts';
import { SumNode, SumTree } from './sum-tree.ts';
import type { VirtualTime } from './virtual-time.ts';
import { WeightSum } from './weight-sum.ts';

/** A tag of a flow, sorted and summed. */
class Tag<T> extends SumNode {
  readonly flow: Flow<T>;

  constructor(flow: Flow<T>) {
    super(0);
    this.flow = flow;
    this.count = 1;
  }
}

/** A flow in the order of the start tags of newest entries. */
class Newest<T> extends HeapNode {
  readonly flow: Flow<T>;

  constructor(flow: Flow<T>) {
    super(0);
    this.flow = flow;
  }
}

/** The entries of one key. */
class Flow<T> extends EntryList<T> {
  readonly key: string | undefined;
  /** The start tag of its oldest entry: what the key was served so far. */
  readonly start = new Tag(this);
  /** The finish tag of its newest entry. */
  readonly finish = new Tag(this);
  readonly newest = new Newest(this);
  /** The weight of the entry that was taken last; 0 if none was. */
  lastTaken = 0;

  constructor(key: string | undefined) {
    super();
    this.key = key;
  }
}

/** The sum over all tags above `tag` of how far they are above it. */
const excess = (tags: SumTree<Tag<unknown>>, tag: number): number =>
  tags.weightAbove(tag) - tag * tags.countAbove(tag);

/**
 * Shares what is taken between keys by weight: the entry with the lowest start tag is next, where an entry starts when the
 * entries of its key before it would be done (P. Goyal, H. Vin, H. Cheng, "Start-time Fair Queueing", SIGCOMM 1996).
 *
 * What is evicted is shared likewise: the entry that would be taken last leaves first. For weight entries of the key with the most
 * to serve are evicted, down to what the new item's key then has (B. Suter et al., "Design considerations for
 * supporting TCP with per-flow queueing", INFOCOM 1998: longest queue drop).
 */
export class FairLevel<T> extends Level<T> {
  readonly #time: VirtualTime;
  readonly #flows = new Map<string | undefined, Flow<T>>();
  readonly #byStart = new SumTree<Tag<T>>();
  readonly #byFinish = new SumTree<Tag<T>>();
  readonly #byNewest = new Heap<Newest<T>>();
  readonly #weight = new WeightSum();

  constructor(priority: number, time: VirtualTime) {
    super(priority);
    this.#time = time;
  }

  add(entry: Entry<T>): void {
    this.#sum(1, entry.weight);
    const flow = this.#flows.get(entry.key) ?? this.#begin(entry.key);
    flow.add(entry);
    this.#place(flow, flow.start.rank);
  }

  serve(entry: Entry<T>): void {
    const flow = this.#flows.get(entry.key) as Flow<T>;
    const start = flow.start.rank;
    flow.lastTaken = entry.weight;
    this.#time.advance(start, entry.weight);
    this.#leave(flow, entry, start + entry.weight);
  }

  remove(entry: Entry<T>): void {
    const flow = this.#flows.get(entry.key) as Flow<T>;
    this.#leave(flow, entry, flow.start.rank);
  }

  next(newestFirst: boolean): Entry<T> | undefined {
    const flow = this.#byStart.first?.flow;
    return newestFirst ? flow?.last : flow?.first;
  }

  least(): Entry<T> | undefined {
    return this.#byNewest.first?.flow.last;
  }

  canEvictFor({ key, cost = 1 }: CallContext, items: number, weight: number): boolean {
    const start = this.#flows.get(key)?.finish.rank ?? this.#time.startOf(key);
    if (weight > 0) return this.#weightAfter(start + cost) >= weight;
    const newest = this.#byNewest.first;
    return items <= 0 || (newest !== undefined && -newest.rank > start);
  }

  evictionFor(_ctx: CallContext, weight: number): Entry<T> | undefined {
    return weight > 0 ? this.#byFinish.last?.flow.last : this.least();
  }

  /** Each other key is served as much as the new item's key, if it has that much: true to within one item of each key. */
  weightAhead({ key, cost = 1 }: CallContext, newestFirst: boolean): number {
    const own = this.#flows.get(key);
    const start = (newestFirst ? own?.start : own?.finish)?.rank ?? this.#time.startOf(key);
    const finish = start + cost;
    const ownAhead = newestFirst && own !== undefined ? Math.min(own.weight, cost) : 0;
    return Math.max(0, this.weight - this.#weightAfter(finish) - ownAhead);
  }

  /** Subtracts `amount` from all tags. */
  shift(amount: number): void {
    for (const flow of this.#flows.values()) this.#place(flow, flow.start.rank - amount);
  }

  /** The weight that would be served after `tag` if all keys were served at once. */
  #weightAfter(tag: number): number {
    return excess(this.#byFinish, tag) - excess(this.#byStart, tag);
  }

  #begin(key: string | undefined): Flow<T> {
    const flow = new Flow<T>(key);
    flow.start.rank = this.#time.startOf(key);
    this.#flows.set(key, flow);
    this.#byStart.add(flow.start);
    this.#byFinish.add(flow.finish);
    this.#byNewest.add(flow.newest);
    return flow;
  }

  #leave(flow: Flow<T>, entry: Entry<T>, start: number): void {
    this.#sum(-1, -entry.weight);
    flow.remove(entry);
    if (flow.size > 0) {
      this.#place(flow, start);
      return;
    }
    this.#flows.delete(flow.key);
    this.#byStart.remove(flow.start);
    this.#byFinish.remove(flow.finish);
    this.#byNewest.remove(flow.newest);
    if (flow.lastTaken > 0) this.#time.remember(flow.key, start, flow.lastTaken);
  }

  #place(flow: Flow<T>, start: number): void {
    const finish = start + flow.weight;
    this.#tag(this.#byStart, flow.start, start);
    this.#tag(this.#byFinish, flow.finish, finish);
    this.#byNewest.move(flow.newest, (flow.last?.weight ?? 0) - finish);
  }

  /** A tag weighs its rank, so that the sums are those of tags. */
  #tag(tags: SumTree<Tag<T>>, tag: Tag<T>, rank: number): void {
    tag.weight = rank;
    if (rank === tag.rank) tags.update(tag);
    else tags.move(tag, rank);
  }

  #sum(count: number, weight: number): void {
    this.count += count;
    this.#weight.add(weight);
    if (this.count === 0) this.#weight.clear();
    this.weight = this.#weight.value;
  }
}
