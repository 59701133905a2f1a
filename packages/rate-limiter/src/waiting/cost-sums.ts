/** A member of a {@link CostSums}. */
export interface CostMember {
  readonly cost: number;
  /** Its place, which only the sums use. */
  position: number;
}

const MIN_CAPACITY = 16;

/**
 * The costs of a first-in-first-out sequence whose members may be removed anywhere, with their sums. Adding, removing and
 * searching cost O(log n), amortised.
 *
 * A binary tree of sums over the positions. Every sum is computed from the two below it, never by subtraction, so fractional
 * costs leave no rounding error behind.
 */
export class CostSums {
  #capacity = MIN_CAPACITY;
  #next = 0;
  #members: (CostMember | undefined)[] = [];
  /** Node i has the children 2i and 2i + 1; the leaves are the second half. */
  #sums = new Float64Array(2 * MIN_CAPACITY);

  /** The sum of all costs. */
  get total(): number {
    return this.#sums[1] as number;
  }

  /** Appends a member. */
  add(member: CostMember): void {
    if (this.#next === this.#capacity) this.#compact();
    member.position = this.#next;
    this.#members[this.#next++] = member;
    this.#set(member.position, member.cost);
  }

  /** Removes a member. */
  remove(member: CostMember): void {
    this.#members[member.position] = undefined;
    this.#set(member.position, 0);
  }

  /** The sum of the costs in front of the first member at which the sum reaches `cost`. */
  before(cost: number): number {
    let sum = 0;
    let node = 1;
    while (node < this.#capacity) {
      node *= 2;
      const left = this.#sums[node] as number;
      if (sum + left >= cost) continue;
      sum += left;
      node++;
    }
    return sum;
  }

  #set(position: number, cost: number): void {
    const sums = this.#sums;
    let node = this.#capacity + position;
    sums[node] = cost;
    for (node >>= 1; node > 0; node >>= 1) {
      sums[node] = (sums[2 * node] as number) + (sums[2 * node + 1] as number);
    }
  }

  /** Closes the gaps; doubles the capacity if less than half of it became free. */
  #compact(): void {
    const members = this.#members.filter((member) => member !== undefined);
    if (members.length * 2 > this.#capacity) this.#capacity *= 2;
    else if (members.length * 8 < this.#capacity) this.#capacity = Math.max(MIN_CAPACITY, this.#capacity / 2);
    const sums = new Float64Array(2 * this.#capacity);
    members.forEach((member, position) => {
      member.position = position;
      sums[this.#capacity + position] = member.cost;
    });
    for (let node = this.#capacity - 1; node > 0; node--) {
      sums[node] = (sums[2 * node] as number) + (sums[2 * node + 1] as number);
    }
    this.#members = members;
    this.#next = members.length;
    this.#sums = sums;
  }
}
