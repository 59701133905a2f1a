import { describe, expect, it } from 'vitest';
import { KeyTable } from '../src/per-client/key-table.ts';
import { randomFrom } from './random.ts';

/** A table of two buckets, full of keys that are all in debt at time 0. */
function fullTable(seed: number): { table: KeyTable; random: () => number; tats: () => number[] } {
  const random = randomFrom(seed);
  const table = new KeyTable(25, 1, random() * 2 ** 32, random() * 2 ** 32);
  for (let i = 0; table.count(0) < 32; i++) {
    table.read(`resident ${i}`, 0);
    table.write(1000 + Math.floor(random() * 1000), 0, 0);
  }
  const tats = (): number[] => {
    const all: number[] = [];
    table.forEach(0, (_low, _high, _tier, tat) => all.push(tat));
    return all.sort((a, b) => a - b);
  };
  return { table, random, tats };
}

describe('KeyTable', () => {
  it('evicts the key with the least debt in both buckets of a new key', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const { table, tats } = fullTable(seed);
      for (let i = 0; i < 20; i++) {
        table.read(`new ${i}`, 0);
        // Only keys with two different buckets: with two buckets, the uppermost bits decide.
        if (table.low >>> 31 === table.high >>> 31) continue;
        const [least = 0, ...rest] = tats();
        table.write(5000 + i, 0, 0);
        expect(tats()).toEqual([...rest, 5000 + i]);
        expect(table.highestOverflow(0)).toBeGreaterThanOrEqual(least);
      }
    }
  });

  it('adds a new key with less debt than all others to the overflow debt, and evicts none', () => {
    const { table, tats } = fullTable(1);
    const before = tats();
    table.read('new', 0);
    table.write(10, 0, 0);
    expect(tats()).toEqual(before);
    expect(table.read('new', 0)).toBe(10);
    expect(table.highestOverflow(0)).toBe(10);
  });

  it('uses a slot whose time has passed, up to the instant itself, before it evicts a key', () => {
    const { table, tats } = fullTable(1);
    const [least = 0] = tats();
    const overflow = table.highestOverflow(0);
    for (let i = 0; i < 100; i++) {
      table.read(`new ${i}`, 0);
      if (table.low >>> 31 !== table.high >>> 31) break;
    }
    table.write(9000, 0, least);
    expect(tats()).toContain(9000);
    expect(table.highestOverflow(0)).toBe(overflow);
  });
});
