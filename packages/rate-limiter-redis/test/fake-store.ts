import type { Clock } from '@bp/core';
import type { RedisClient } from '../src/store/redis-client.ts';

/** The arguments of the script. */
export interface Debit {
  readonly microsPerUnit: number;
  readonly toleranceMicros: number;
  readonly debt: number;
  readonly extra: number;
  /** Pairs of a cost and a number of calls. */
  readonly runs: readonly number[];
}

/** What the script does to one key, in TypeScript; `store-script.test.ts` compares the two. All times are microseconds. */
export function decide(aheadMicros: number, debit: Debit): { granted: number; aheadMicros: number } {
  const { microsPerUnit: interval, toleranceMicros: tolerance, debt, extra, runs } = debit;
  const slack = 0.001 + tolerance * 1e-12;
  let ahead = Math.max(0, Math.min(aheadMicros, tolerance + slack));
  ahead = Math.min(ahead + debt * interval, Math.max(ahead, tolerance));
  const available = Math.floor((tolerance - ahead + slack) / interval);
  let granted = 0;
  for (let i = 0; i < runs.length; i += 2) {
    const [cost = 0, count = 0] = runs.slice(i);
    granted += cost * Math.min(count, Math.floor((available - granted) / cost));
  }
  granted += Math.min(extra, available - granted);
  return { granted, aheadMicros: ahead + granted * interval };
}

/** A store on a virtual clock, with the latency that a test gives it. It can be paused, as by `CLIENT PAUSE`, and cut off. */
export class FakeStore implements RedisClient {
  readonly #clock: Clock;
  /** Milliseconds of one way of a round trip. */
  latencyMs: () => number;
  /** Called with the tokens of every debit that the store grants. */
  onGranted: (tokens: number) => void = () => {};
  /** Whether commands fail at once. */
  down = false;
  /** Keys that hold the value of another program. */
  readonly foreign = new Set<string>();
  commands = 0;
  readonly #fullAt = new Map<string, number>();
  #pausedUntil = 0;

  constructor(clock: Clock, latencyMs: () => number = () => 0.5) {
    this.#clock = clock;
    this.latencyMs = latencyMs;
  }

  /** Executes nothing for `ms`; what comes meanwhile is executed then. */
  pause(ms: number): void {
    this.#pausedUntil = this.#clock.now() + ms;
  }

  /** Forgets all data, as a restart without persistence does. */
  flush(): void {
    this.#fullAt.clear();
  }

  get keys(): readonly string[] {
    return [...this.#fullAt.keys()];
  }

  async command(args: readonly string[]): Promise<unknown> {
    this.commands++;
    if (this.down) throw new Error('connect ECONNREFUSED');
    await this.#pass(this.latencyMs());
    await this.#pass(this.#pausedUntil - this.#clock.now());
    if (this.down) throw new Error('Connection is closed.');
    const reply = this.#execute(args);
    await this.#pass(this.latencyMs());
    return reply;
  }

  #execute([, , , key = '', ...numbers]: readonly string[]): readonly string[] {
    if (this.foreign.has(key)) return ['foreign'];
    const [microsPerUnit = 0, toleranceMicros = 0, debt = 0, extra = 0, ...runs] = numbers.map(Number);
    const now = this.#clock.now();
    const before = ((this.#fullAt.get(key) ?? now) - now) * 1000;
    const { granted, aheadMicros } = decide(before, { microsPerUnit, toleranceMicros, debt, extra, runs });
    if (granted > 0 || debt > 0) this.#fullAt.set(key, now + aheadMicros / 1000);
    this.onGranted(granted / 1e6);
    return [granted.toFixed(0), aheadMicros.toFixed(3)];
  }

  #pass(ms: number): Promise<void> {
    if (ms <= 0) return Promise.resolve();
    return new Promise((resolve) => this.#clock.setTimer(resolve, ms));
  }
}
