/** A member of a {@link Heap}; extend it with the data it carries. A node is in one heap at a time. */
export class HeapNode {
  /** The lowest rank is first. Any number but `NaN`. Change it through {@link Heap.move} only. */
  rank: number;
  /** The position in the heap; -1 outside. Set by the heap. */
  index = -1;
  /** Equal ranks keep the order in which they were added. Set by the heap. */
  order = 0;
  /** Whether {@link Heap.discard} was called for it. Set by the heap. */
  discarded = false;

  constructor(rank: number) {
    this.rank = rank;
  }
}

/** Below this size discarded nodes cost too little to be swept. */
const MIN_SWEEP = 64;

const isBefore = (one: HeapNode, other: HeapNode): boolean =>
  one.rank < other.rank || (one.rank === other.rank && one.order < other.order);

/**
 * A binary heap: the lowest rank is first, equal ranks in the order they were added. `add`, `move` and `remove` cost
 * O(log n). `discard` costs O(1) amortised: the node stays until it comes first or discarded nodes are the majority, and
 * an empty heap holds none.
 *
 * Source: J. W. J. Williams, "Algorithm 232: Heapsort", 1964.
 */
export class Heap<N extends HeapNode> {
  // Indices below stay within the array by construction of the heap.
  #nodes: N[] = [];
  #discarded = 0;
  #added = 0;

  /** How many nodes are in it, without discarded ones. */
  get size(): number {
    return this.#nodes.length - this.#discarded;
  }

  /** The node with the lowest rank; undefined if there is none. */
  get first(): N | undefined {
    if (this.#discarded > 0) this.#dropDiscardedFirst();
    return this.#nodes[0];
  }

  /** Iterates over all nodes but discarded ones, in no order except that the first one is first. */
  *[Symbol.iterator](): Generator<N, void, void> {
    for (const node of this.#nodes) if (!node.discarded) yield node;
  }

  /** Adds a node that is in no heap. */
  add(node: N): void {
    node.order = this.#added++;
    node.discarded = false;
    this.#place(node, this.#nodes.length);
    this.#rise(node);
  }

  /** Changes the rank of a node; its order among equal ranks stays. */
  move(node: N, rank: number): void {
    node.rank = rank;
    if (node.index === -1) return;
    this.#rise(node);
    this.#sink(node);
  }

  /** Removes a node at once; a no-op if it is not in the heap. */
  remove(node: N): void {
    if (node.index === -1 || node.discarded) return;
    this.#take(node);
    if (this.size === 0) this.#clear();
  }

  /** Removes a node that will not be added again, at the lowest cost; a no-op if it is not in the heap. */
  discard(node: N): void {
    const { index } = node;
    if (index === -1 || node.discarded) return;
    if (index === this.#nodes.length - 1) {
      this.remove(node);
      return;
    }
    node.discarded = true;
    this.#discarded++;
    if (this.size === 0) this.#clear();
    else if (this.#nodes.length > MIN_SWEEP && this.#discarded * 2 > this.#nodes.length) this.#sweep();
  }

  #take(node: N): void {
    const { index } = node;
    node.index = -1;
    const last = this.#nodes.pop() as N;
    if (last === node) return;
    this.#place(last, index);
    this.#rise(last);
    this.#sink(last);
  }

  #clear(): void {
    for (const node of this.#nodes) node.index = -1;
    this.#nodes = [];
    this.#discarded = 0;
  }

  #dropDiscardedFirst(): void {
    for (let first = this.#nodes[0]; first !== undefined; first = this.#nodes[0]) {
      if (!first.discarded) return;
      this.#discarded--;
      this.#take(first);
    }
  }

  #sweep(): void {
    const kept: N[] = [];
    for (const node of this.#nodes) node.index = node.discarded ? -1 : kept.push(node) - 1;
    this.#nodes = kept;
    this.#discarded = 0;
    for (let index = (this.#nodes.length >> 1) - 1; index >= 0; index--) this.#sink(this.#nodes[index] as N);
  }

  #place(node: N, index: number): void {
    this.#nodes[index] = node;
    node.index = index;
  }

  #rise(node: N): void {
    const nodes = this.#nodes;
    let { index } = node;
    while (index > 0) {
      const parent = nodes[(index - 1) >> 1] as N;
      if (!isBefore(node, parent)) break;
      const above = parent.index;
      this.#place(parent, index);
      index = above;
    }
    this.#place(node, index);
  }

  #sink(node: N): void {
    const nodes = this.#nodes;
    let { index } = node;
    for (let below = 2 * index + 1; below < nodes.length; below = 2 * index + 1) {
      const left = nodes[below] as N;
      const right = nodes[below + 1];
      const child = right !== undefined && isBefore(right, left) ? right : left;
      if (!isBefore(child, node)) break;
      const next = child.index;
      this.#place(child, index);
      index = next;
    }
    this.#place(node, index);
  }
}
