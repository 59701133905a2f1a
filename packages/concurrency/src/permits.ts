/** Permits are counted in millionths, as integers: sums of fractions such as 0.1 and 1.1 would drift. */
const UNITS_PER_PERMIT = 1_000_000;

/** Absorbs the rounding of one multiplication: 0.57 * 1e6 is a little less than 570 000. */
const ROUNDING = 1e-3;

/** Rounded down, so that costs which fit in exact arithmetic, such as three times 2/3 in 2, fit here. */
function unitsOf(cost: number): number {
  return cost === 1 ? UNITS_PER_PERMIT : Math.max(1, Math.floor(cost * UNITS_PER_PERMIT + ROUNDING));
}

/** The permits of a limiter: how many there are and how many are handed out. */
export class Permits {
  #limit: number;
  #limitUnits: number;
  #highestLimit: number;
  #activeUnits = 0;
  #running = 0;

  constructor(limit: number) {
    this.#limit = limit;
    this.#limitUnits = limit * UNITS_PER_PERMIT;
    this.#highestLimit = limit;
  }

  get limit(): number {
    return this.#limit;
  }

  setLimit(limit: number): void {
    this.#limit = limit;
    this.#limitUnits = limit * UNITS_PER_PERMIT;
    this.#highestLimit = Math.max(this.#highestLimit, limit);
  }

  /** The highest limit so far: a higher cost was never admittable. */
  get highestLimit(): number {
    return this.#highestLimit;
  }

  /** The sum of the costs of the permits that are handed out. */
  get active(): number {
    return this.#activeUnits / UNITS_PER_PERMIT;
  }

  /** Whether no permit is handed out. */
  get isIdle(): boolean {
    return this.#running === 0;
  }

  /** Whether no permit is free. */
  get isExhausted(): boolean {
    return this.#activeUnits >= this.#limitUnits;
  }

  /** Whether a call of this cost could ever get its permits under the present limit. A limit of 0 is a pause. */
  canEverFit(cost: number): boolean {
    return cost <= (this.#limit === 0 ? this.#highestLimit : this.#limit);
  }

  /** Whether enough permits are free for a call of this cost. */
  fits(cost: number): boolean {
    return cost > 0 && this.#activeUnits + unitsOf(cost) <= this.#limitUnits;
  }

  /** The same for the first call in the queue: one that costs more than a lowered limit starts alone. */
  fitsInTurn(cost: number): boolean {
    return this.#running === 0 ? this.#limit > 0 : this.fits(cost);
  }

  /** Hands out the permits for a call. */
  take(cost: number): void {
    this.#running++;
    this.#activeUnits += unitsOf(cost);
  }

  /** Takes the permits of a call back. */
  giveBack(cost: number): void {
    this.#running--;
    this.#activeUnits -= unitsOf(cost);
  }
}
