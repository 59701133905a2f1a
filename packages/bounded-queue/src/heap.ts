/** A value in a {@link Heap}, with the rank it stands by. */
export class Ranked<V> {
  readonly value: V;
  rank: number;
  /** Where it stands. */
  index = -1;
  /** When it came: among equal ranks, whoever came first is first. */
  order = 0;

  constructor(value: V, rank: number) {
    this.value = value;
    this.rank = rank;
  }
}

const isBefore = (one: Ranked<unknown>, other: Ranked<unknown>): boolean =>
  one.rank < other.rank || (one.rank === other.rank && one.order < other.order);

/** A binary heap: the lowest rank is first. Whoever stands in it can change rank or leave in O(log n). */
export class Heap<V> {
  // Indices below stay within the array by construction of the heap.
  readonly #nodes: Ranked<V>[] = [];
  #added = 0;

  get first(): V | undefined {
    return this.#nodes[0]?.value;
  }

  /** All of them, in no order but that the first comes first. */
  *[Symbol.iterator](): Generator<V, void, void> {
    for (const node of this.#nodes) yield node.value;
  }

  add(node: Ranked<V>): void {
    node.order = this.#added++;
    this.#place(node, this.#nodes.length);
    this.#settle(node);
  }

  /** Gives a node another rank. */
  move(node: Ranked<V>, rank: number): void {
    node.rank = rank;
    this.#settle(node);
  }

  remove(node: Ranked<V>): void {
    const last = this.#nodes.pop() as Ranked<V>;
    if (last === node) return;
    this.#place(last, node.index);
    this.#settle(last);
  }

  #place(node: Ranked<V>, index: number): void {
    this.#nodes[index] = node;
    node.index = index;
  }

  #settle(node: Ranked<V>): void {
    this.#rise(node);
    this.#sink(node);
  }

  #rise(node: Ranked<V>): void {
    while (node.index > 0) {
      const parent = this.#nodes[(node.index - 1) >> 1] as Ranked<V>;
      if (!isBefore(node, parent)) return;
      this.#swap(parent, node);
    }
  }

  #sink(node: Ranked<V>): void {
    for (;;) {
      const left = this.#nodes[2 * node.index + 1];
      const right = this.#nodes[2 * node.index + 2];
      if (left === undefined) return;
      const child = right !== undefined && isBefore(right, left) ? right : left;
      if (!isBefore(child, node)) return;
      this.#swap(node, child);
    }
  }

  #swap(above: Ranked<V>, below: Ranked<V>): void {
    const { index } = above;
    this.#place(above, below.index);
    this.#place(below, index);
  }
}
