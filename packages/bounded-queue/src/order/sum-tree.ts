/** A node of a {@link SumTree}: extend it with what it stands for. It is in one tree at a time. */
export class SumNode {
  /** The position in the tree. Change it through {@link SumTree.move} only. */
  rank: number;
  /** Its own share of the sums. After a change call {@link SumTree.update}. */
  count = 0;
  weight = 0;
  /** The sums over its subtree. */
  counts = 0;
  weights = 0;
  /** Equal ranks keep the order in which they were added. */
  order = 0;
  /** Lower values are nearer to the root. Drawn at random, so no choice of ranks makes the tree deep. */
  depth = 0;
  parent: SumNode | undefined;
  left: SumNode | undefined;
  right: SumNode | undefined;

  constructor(rank: number) {
    this.rank = rank;
  }
}

const isBefore = (one: SumNode, other: SumNode): boolean =>
  one.rank < other.rank || (one.rank === other.rank && one.order < other.order);

/** Computes the sums of a node anew from its children: no error survives the entry that caused it. */
function sumUp(node: SumNode): void {
  const { left, right } = node;
  node.counts = node.count + (left?.counts ?? 0) + (right?.counts ?? 0);
  node.weights = node.weight + (left?.weights ?? 0) + (right?.weights ?? 0);
}

/**
 * Nodes sorted by rank, with the sums of their counts and weights over any range that reaches to an end. All operations
 * cost O(log n), whatever the ranks: it is a treap (R. Seidel, C. Aragon, "Randomized Search Trees", Algorithmica 16, 1996).
 */
export class SumTree<N extends SumNode> {
  #root: SumNode | undefined;
  #added = 0;

  /** The node with the lowest rank; undefined if there is none. */
  get first(): N | undefined {
    let node = this.#root;
    while (node?.left !== undefined) node = node.left;
    return node as N | undefined;
  }

  /** The node with the highest rank; undefined if there is none. */
  get last(): N | undefined {
    let node = this.#root;
    while (node?.right !== undefined) node = node.right;
    return node as N | undefined;
  }

  add(node: N): void {
    node.order = this.#added++;
    node.depth = Math.random();
    let parent: SumNode | undefined;
    for (let at = this.#root; at !== undefined; at = isBefore(node, at) ? at.left : at.right) parent = at;
    node.parent = parent;
    if (parent === undefined) this.#root = node;
    else if (isBefore(node, parent)) parent.left = node;
    else parent.right = node;
    this.update(node);
    while (node.parent !== undefined && node.depth < node.parent.depth) this.#rotateUp(node);
  }

  remove(node: N): void {
    for (;;) {
      const { left, right } = node;
      const child = left === undefined || (right !== undefined && right.depth < left.depth) ? right : left;
      if (child === undefined) break;
      this.#rotateUp(child);
    }
    const { parent } = node;
    this.#replace(node, undefined);
    node.parent = undefined;
    if (parent !== undefined) this.update(parent);
  }

  /** Changes the rank of a node. */
  move(node: N, rank: number): void {
    if (rank === node.rank) return;
    this.remove(node);
    node.rank = rank;
    this.add(node);
  }

  /** Brings the sums up to date after a node's own count or weight has changed. */
  update(node: SumNode): void {
    for (let at: SumNode | undefined = node; at !== undefined; at = at.parent) sumUp(at);
  }

  /** The sum of the counts of the nodes with a rank above `rank`. */
  countAbove(rank: number): number {
    return this.#sum('count', rank, true);
  }

  /** The sum of the counts of the nodes with a rank below `rank`. */
  countBelow(rank: number): number {
    return this.#sum('count', rank, false);
  }

  /** The sum of the weights of the nodes with a rank above `rank`. */
  weightAbove(rank: number): number {
    return this.#sum('weight', rank, true);
  }

  /** The sum of the weights of the nodes with a rank below `rank`. */
  weightBelow(rank: number): number {
    return this.#sum('weight', rank, false);
  }

  #sum(own: 'count' | 'weight', rank: number, above: boolean): number {
    const subtree = own === 'count' ? 'counts' : 'weights';
    let sum = 0;
    let at = this.#root;
    while (at !== undefined) {
      const counts = above ? at.rank > rank : at.rank < rank;
      if (counts) {
        const farther: SumNode | undefined = above ? at.right : at.left;
        sum += at[own] + (farther?.[subtree] ?? 0);
      }
      at = counts === above ? at.left : at.right;
    }
    return sum;
  }

  /** Swaps a node with its parent. */
  #rotateUp(node: SumNode): void {
    const parent = node.parent as SumNode;
    this.#replace(parent, node);
    if (parent.left === node) {
      parent.left = node.right;
      if (node.right !== undefined) node.right.parent = parent;
      node.right = parent;
    } else {
      parent.right = node.left;
      if (node.left !== undefined) node.left.parent = parent;
      node.left = parent;
    }
    parent.parent = node;
    sumUp(parent);
    sumUp(node);
  }

  /** Puts `other` in the place that `node` has below its parent. */
  #replace(node: SumNode, other: SumNode | undefined): void {
    const { parent } = node;
    if (other !== undefined) other.parent = parent;
    if (parent === undefined) this.#root = other;
    else if (parent.left === node) parent.left = other;
    else parent.right = other;
  }
}
