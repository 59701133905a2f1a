/** Characters of a key that are hashed: of a longer key its length and its first and last 512 characters. */
const MAX_HASHED_CHARS = 1024;

/**
 * Turns keys into 64 bits under a secret seed with HalfSipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast
 * short-input PRF", in the variant for 32-bit words; a word is two UTF-16 units, the last word the length). An attacker who
 * does not know the seed can neither make two keys collide nor choose their place in a table. Two of n keys collide with a
 * probability of about n * n / 2^65, which is 1 in 37 million for a million keys.
 *
 * Holds the latest result instead of returning it, so that hashing allocates nothing.
 */
export class KeyHash {
  /** The lower 32 bits of the latest result, signed. */
  low = 0;
  /** The upper 32 bits of the latest result, signed. */
  high = 0;
  readonly #seed0: number;
  readonly #seed1: number;
  /** The key of the latest result: callers often use one key several times in a row. */
  #latest: string | undefined;

  constructor(seed0: number, seed1: number) {
    this.#seed0 = seed0 | 0;
    this.#seed1 = seed1 | 0;
  }

  /** Hashes `key`: the result is in `low` and `high`. */
  hash(key: string): void {
    if (key === this.#latest) return;
    this.#latest = key;
    let text = key;
    const { length } = text;
    if (length > MAX_HASHED_CHARS) {
      text = text.slice(0, MAX_HASHED_CHARS / 2) + text.slice(length - MAX_HASHED_CHARS / 2);
    }
    const units = text.length;
    const words = (units + 1) >> 1;

    let v0 = this.#seed0;
    let v1 = this.#seed1 ^ 0xee;
    let v2 = this.#seed0 ^ 0x6c796765;
    let v3 = this.#seed1 ^ 0x74656462;
    // All words, the length, three rounds for the lower half and three more for the upper: one loop, so that the state
    // stays in registers. A round without a word is a round with word 0.
    for (let step = 0; step < words + 7; step++) {
      let word = 0;
      if (step < words) {
        const unit = step << 1;
        word = text.charCodeAt(unit);
        if (unit + 1 < units) word |= text.charCodeAt(unit + 1) << 16;
      } else if (step === words) {
        word = length;
      } else if (step === words + 1) {
        v2 ^= 0xee;
      } else if (step === words + 4) {
        this.low = v1 ^ v3;
        v1 ^= 0xdd;
      }
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    this.high = v1 ^ v3;
  }
}
