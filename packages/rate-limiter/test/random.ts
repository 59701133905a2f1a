/** A small generator (xorshift32) for long runs: one seed from fast-check, a million steps from here. */
export function randomFrom(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** An integer from 0 to `below - 1`. */
export function pick(random: () => number, below: number): number {
  return Math.floor(random() * below);
}
