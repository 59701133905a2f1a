import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DoneKind, RequestContext } from '../src/index.ts';
import { listenersOn } from './signals.ts';

const NEVER = Number.POSITIVE_INFINITY;
const kinds = ['cancelled', 'caller-gone', 'shed', 'shutdown'] as const;

/** What a context is, in so many words: no laziness, no listeners on anything, one flat list searched again and again. */
interface Model {
  readonly ctx: RequestContext;
  readonly parent: Model | undefined;
  readonly deadline: number;
  readonly outer: AbortController | undefined;
  over: DoneKind | undefined;
  ended: boolean;
  wantsSignal: boolean;
  listeners: Listener[];
}

interface Listener {
  readonly expected: string[];
  readonly reported: string[];
  readonly leave: () => void;
}

class World {
  readonly clock = new VirtualClock();
  readonly outers = [new AbortController(), new AbortController()];
  readonly models: Model[] = [];
  readonly listeners: Listener[] = [];

  add(parent: Model | undefined, timeoutMs: number | undefined, outer: AbortController | undefined): void {
    const { clock } = this;
    const options = { timeoutMs, signal: outer?.signal };
    const ctx = parent === undefined ? new RequestContext({ ...options, clock }) : parent.ctx.child(options);
    const own = timeoutMs === undefined ? NEVER : clock.now() + timeoutMs;
    const deadline = Math.min(own, parent?.deadline ?? NEVER);
    const model: Model = {
      ctx,
      parent,
      deadline,
      outer,
      over: undefined,
      ended: false,
      wantsSignal: false,
      listeners: [],
    };
    this.models.push(model);
    if (parent?.over !== undefined) model.over = parent.over;
    else if (outer?.signal.aborted) model.over = 'cancelled';
    else if (deadline <= clock.now()) model.over = 'deadline';
  }

  listen(model: Model): void {
    const reported: string[] = [];
    const expected: string[] = [];
    if (model.over !== undefined) expected.push(`${model.over} at ${this.clock.now()}`);
    const leave = model.ctx.onDone(({ kind }) => reported.push(`${kind} at ${this.clock.now()}`));
    const listener = { expected, reported, leave };
    this.listeners.push(listener);
    if (model.over === undefined) model.listeners.push(listener);
  }

  finish(model: Model, kind: DoneKind): void {
    if (model.over !== undefined) return;
    model.over = kind;
    for (const listener of model.listeners) listener.expected.push(`${kind} at ${this.clock.now()}`);
    model.listeners = [];
    for (const child of this.models) if (child.parent === model) this.finish(child, kind);
  }

  end(model: Model): void {
    model.ctx.end();
    model.ended = true;
    if (model.over !== undefined) return;
    model.listeners = [];
    this.finish(model, 'cancelled');
  }

  abort(outer: AbortController): void {
    outer.abort();
    for (const model of this.models) if (model.outer === outer) this.finish(model, 'cancelled');
  }

  /** A millisecond at a time, so that the model needs no timers. */
  advance(ms: number): void {
    for (let i = 0; i < ms; i++) {
      this.clock.advanceSync(1);
      for (const model of this.models) if (model.deadline <= this.clock.now()) this.finish(model, 'deadline');
    }
  }

  check(): void {
    for (const { reported, expected } of this.listeners) expect(reported).toEqual(expected);
    let wanted = 0;
    const wantedOf = new Map(this.outers.map((outer) => [outer, 0]));
    for (const model of this.models) {
      expect([model.ctx.done, model.ctx.reason]).toEqual([model.over !== undefined, model.over]);
      const waited = (other: Model): boolean =>
        other.over === undefined &&
        (other.wantsSignal ||
          other.listeners.length > 0 ||
          this.models.some((child) => child.parent === other && waited(child)));
      if (!waited(model)) continue;
      wanted++;
      if (model.outer !== undefined) wantedOf.set(model.outer, (wantedOf.get(model.outer) as number) + 1);
    }
    for (const [outer, count] of wantedOf)
      expect(listenersOn(outer.signal), 'listeners on an outer signal').toBe(count);
    if (wanted === 0) expect(this.clock.pendingTimers, 'timers without listeners').toBe(0);
    else expect(this.clock.pendingTimers).toBeLessThanOrEqual(1);
  }
}

const timeoutMs = fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined });
const pick = fc.nat(1000);
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('child' as const), at: pick, timeoutMs, outer: fc.nat(3) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('listen' as const), at: pick }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('leave' as const), at: pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('signal' as const), at: pick }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.nat(10) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('cancel' as const), at: pick, kind: fc.constantFrom(...kinds) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('end' as const), at: pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('abort' as const), outer: fc.nat(9) }) },
);

const at = <T>(list: readonly T[], index: number): T | undefined => list[index % Math.max(1, list.length)];

describe('a tree of contexts', () => {
  it('notifies every listener once, at the right time and with the right reason, and watches nothing without listeners', () => {
    fc.assert(
      fc.property(timeoutMs, fc.array(step, { maxLength: 60 }), (rootMs, steps) => {
        const world = new World();
        world.add(undefined, rootMs, world.outers[0]);
        world.check();
        for (const next of steps) {
          if (next.do === 'advance') world.advance(next.ms);
          else if (next.do === 'abort') {
            const outer = world.outers[next.outer];
            if (outer !== undefined) world.abort(outer);
          } else if (next.do === 'leave') {
            const listener = at(world.listeners, next.at);
            listener?.leave();
            for (const model of world.models)
              model.listeners = model.listeners.filter((other) => other !== listener);
          } else {
            const model = at(world.models, next.at) as Model;
            if (next.do === 'child') world.add(model, next.timeoutMs, world.outers[next.outer]);
            else if (next.do === 'listen') world.listen(model);
            else if (next.do === 'end') world.end(model);
            else if (next.do === 'cancel') {
              model.ctx.cancel(next.kind);
              world.finish(model, next.kind);
            } else {
              expect(model.ctx.signal).toBe(model.ctx.signal);
              if (!model.ended) expect(model.ctx.signal.aborted).toBe(model.over !== undefined);
              model.wantsSignal = true;
            }
          }
          world.check();
        }
        for (const model of [...world.models].reverse()) world.end(model);
        world.check();
        expect(world.clock.pendingTimers).toBe(0);
        for (const outer of world.outers) expect(listenersOn(outer.signal)).toBe(0);
      }),
      { numRuns: 1000 },
    );
  });
});
