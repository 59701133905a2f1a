/**
 * A sum of weights that does not drift: what was added and removed again leaves no trace, also with fractions. The rounding
 * error of each addition is kept beside the sum (D. Knuth, "The Art of Computer Programming", vol. 2, 4.2.2: TwoSum).
 */
export class WeightSum {
  #sum = 0;
  #error = 0;

  get value(): number {
    return this.#sum + this.#error;
  }

  /** Adds `weight`; a negative one is removed. */
  add(weight: number): void {
    const before = this.#sum;
    const sum = before + weight;
    const added = sum - before;
    this.#error += before - (sum - added) + (weight - added);
    this.#sum = sum;
  }

  clear(): void {
    this.#sum = 0;
    this.#error = 0;
  }
}
