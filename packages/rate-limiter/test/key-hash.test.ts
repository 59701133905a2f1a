import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyHash } from '../src/per-client/key-hash.ts';

const MASK = 0xffffffffn;
const rotate = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (32n - by))) & MASK;

/** HalfSipHash-c-d with a 64-bit result, straight from its description, over words that are padded already. */
function halfSipHash(k0: bigint, k1: bigint, words: readonly bigint[], c: number, d: number): bigint {
  let [v0, v1, v2, v3] = [k0, k1 ^ 0xeen, k0 ^ 0x6c796765n, k1 ^ 0x74656462n];
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      v0 = (v0 + v1) & MASK;
      v1 = rotate(v1, 5n) ^ v0;
      v0 = rotate(v0, 16n);
      v2 = (v2 + v3) & MASK;
      v3 = rotate(v3, 8n) ^ v2;
      v0 = (v0 + v3) & MASK;
      v3 = rotate(v3, 7n) ^ v0;
      v2 = (v2 + v1) & MASK;
      v1 = rotate(v1, 13n) ^ v2;
      v2 = rotate(v2, 16n);
    }
  };
  for (const word of words) {
    v3 ^= word;
    rounds(c);
    v0 ^= word;
  }
  v2 ^= 0xeen;
  rounds(d);
  const low = v1 ^ v3;
  v1 ^= 0xddn;
  rounds(d);
  return ((v1 ^ v3) << 32n) | low;
}

function hashOf(hash: KeyHash, key: string): bigint {
  hash.hash(key);
  return (BigInt.asUintN(32, BigInt(hash.high)) << 32n) | BigInt.asUintN(32, BigInt(hash.low));
}

describe('KeyHash', { timeout: 30_000 }, () => {
  it('is compared with a model that agrees with the vectors published by the authors of SipHash', () => {
    // vectors_hsip64, key 00..07, of the inputs '' and 00 01 02 03: the length of the input is in the top byte.
    expect(halfSipHash(0x03020100n, 0x07060504n, [0n], 2, 4)).toBe(0xc83cb8b9591f8d21n);
    expect(halfSipHash(0x03020100n, 0x07060504n, [0x03020100n, 0x04000000n], 2, 4)).toBe(0xa12ee55b178ae7d5n);
  });

  it('is HalfSipHash-1-3 of the UTF-16 units and the length', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 200 }),
        fc.integer(),
        fc.integer(),
        (key, seed0, seed1) => {
          const units = Array.from({ length: key.length }, (_, i) => BigInt(key.charCodeAt(i)));
          const words: bigint[] = [];
          for (let i = 0; i < units.length; i += 2)
            words.push((units[i] ?? 0n) | ((units[i + 1] ?? 0n) << 16n));
          words.push(BigInt(key.length));
          const [k0, k1] = [seed0, seed1].map((seed) => BigInt.asUintN(32, BigInt(seed))) as [bigint, bigint];
          expect(hashOf(new KeyHash(seed0, seed1), key)).toBe(halfSipHash(k0, k1, words, 1, 3));
        },
      ),
    );
  });

  it('hashes the length and the first and last 512 characters of a longer key', () => {
    const hash = new KeyHash(1, 2);
    const key = (head: string, middle: string, tail: string) =>
      `${head}${'a'.repeat(511)}${middle}${'b'.repeat(511)}${tail}`;
    const of = (...parts: [string, string, string]) => hashOf(hash, key(...parts));
    expect(of('x', 'middle', 'y')).toBe(of('x', 'MIDDLE', 'y'));
    expect(of('x', 'middle', 'y')).not.toBe(of('x', 'middle!', 'y'));
    expect(of('x', 'middle', 'y')).not.toBe(of('z', 'middle', 'y'));
    expect(of('x', 'middle', 'y')).not.toBe(of('x', 'middle', 'z'));
    expect(of('x', '', 'y')).not.toBe(of('x', '', 'z'));
  });

  it('distinguishes similar keys and spreads them evenly', () => {
    const hash = new KeyHash(123, 456);
    const seen = new Set<bigint>();
    const bits = new Array<number>(64).fill(0);
    for (let i = 0; i < 100_000; i++) {
      const value = hashOf(hash, `10.0.${i >> 8}.${i & 255}`);
      seen.add(value);
      for (let bit = 0; bit < 64; bit++) bits[bit] = (bits[bit] ?? 0) + Number((value >> BigInt(bit)) & 1n);
    }
    expect(seen.size).toBe(100_000);
    for (const ones of bits) expect(Math.abs(ones - 50_000)).toBeLessThan(1000);
  });
});
