import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Heap, HeapNode } from '../src/kit/index.ts';

class Entry extends HeapNode {
  readonly id: number;

  constructor(rank: number, id: number) {
    super(rank);
    this.id = id;
  }
}

const ranks = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom(-0, Number.POSITIVE_INFINITY, -1e300));

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom('add' as const), rank: ranks }),
    fc.record({ kind: fc.constantFrom('move' as const), pick: fc.nat(), rank: ranks }),
    fc.record({ kind: fc.constantFrom('remove' as const, 'discard' as const), pick: fc.nat() }),
    fc.record({ kind: fc.constantFrom('takeFirst' as const) }),
  ),
  { maxLength: 400, size: 'max' },
);

describe('Heap', () => {
  it('agrees with a sorted list after any sequence of operations', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const heap = new Heap<Entry>();
        // In the order in which the entries were added; sorting is stable.
        let model: Entry[] = [];
        const removed: Entry[] = [];
        const sorted = (): Entry[] => [...model].sort((a, b) => (a.rank === b.rank ? 0 : a.rank - b.rank));
        sequence.forEach((step, id) => {
          if (step.kind === 'add') {
            const entry = new Entry(step.rank, id);
            heap.add(entry);
            model.push(entry);
          } else {
            const entry = step.kind === 'takeFirst' ? heap.first : model[step.pick % model.length];
            if (entry !== undefined && step.kind === 'move') heap.move(entry, step.rank);
            else if (entry !== undefined) {
              if (step.kind === 'discard') heap.discard(entry);
              else heap.remove(entry);
              model = model.filter((other) => other !== entry);
              removed.push(entry);
            }
          }
          for (const entry of removed.slice(-2)) {
            heap.remove(entry);
            heap.discard(entry);
          }
          expect(heap.size).toBe(model.length);
          expect(heap.first).toBe(sorted()[0]);
          expect(new Set(heap)).toEqual(new Set(model));
        });
        const order: number[] = [];
        for (let { first } = heap; first !== undefined; first = heap.first) {
          order.push(first.id);
          heap.remove(first);
        }
        expect(order).toEqual(sorted().map(({ id }) => id));
        expect(heap.size).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('holds at most as many discarded nodes as others above a small number, and none when it is empty', () => {
    const heap = new Heap<Entry>();
    const entries = Array.from({ length: 1000 }, (_, id) => new Entry(id, id));
    for (const entry of entries) heap.add(entry);
    for (const entry of entries.slice(0, 990)) heap.discard(entry);
    const held = entries.filter(({ index }) => index !== -1).length;
    expect(heap.size).toBe(10);
    expect(held).toBeGreaterThanOrEqual(10);
    expect(held).toBeLessThanOrEqual(64);
    for (const entry of entries) heap.discard(entry);
    expect(heap.size).toBe(0);
    expect(entries.every(({ index }) => index === -1)).toBe(true);
  });

  it('reads O(log n) ranks for each operation among 100 000 nodes', () => {
    let reads = 0;
    const counted = (rank: number): HeapNode => {
      const node = new HeapNode(rank);
      return Object.defineProperty(node, 'rank', {
        get: () => {
          reads++;
          return rank;
        },
        set: (moved: number) => {
          rank = moved;
        },
      });
    };
    const heap = new Heap<HeapNode>();
    const size = 100_000;
    const nodes = Array.from({ length: size }, (_, i) => counted((i * 7919) % 100_003));
    const readsOf = (work: () => void): number => {
      reads = 0;
      work();
      return reads / size;
    };
    const log = Math.log2(size);
    const each = (work: (node: HeapNode) => void) => () => nodes.forEach(work);
    // A comparison reads two ranks, or four if they are equal; sinking compares twice a level.
    expect(readsOf(each((node) => heap.add(node)))).toBeLessThan(4 * log);
    expect(readsOf(each((node) => heap.move(node, (node.order * 31) % 100_003)))).toBeLessThan(8 * log);
    expect(readsOf(each((node) => heap.remove(node)))).toBeLessThan(8 * log);
    expect(heap.size).toBe(0);
    for (const node of nodes) heap.add(node);
    expect(readsOf(each((node) => heap.discard(node))), 'amortised').toBeLessThan(16);
  });

  it('takes a node again that was removed', () => {
    const heap = new Heap<Entry>();
    const entry = new Entry(1, 1);
    const other = new Entry(2, 2);
    for (const node of [entry, other]) heap.add(node);
    heap.remove(entry);
    expect(heap.first).toBe(other);
    entry.rank = 3;
    heap.add(entry);
    expect([...heap]).toEqual([other, entry]);
  });
});
