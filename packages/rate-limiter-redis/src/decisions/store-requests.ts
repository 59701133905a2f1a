import type { PendingCall } from '../calls/pending-calls.ts';
import type { KeyState } from '../keys/key-state.ts';
import type { ResolvedRedisRateLimiterOptions } from '../options.ts';
import type { Debit } from '../store/debit-script.ts';
import type { SharedBucket } from '../store/shared-bucket.ts';
import type { Decider } from './decider.ts';

/** Fewer calls than this in a batch's time are too few to foresee: what they do not spend would be lost. */
const MIN_BATCH_CALLS = 10;
/** A refill is due when a batch is down to this share. */
const LOW_WATER = 0.25;
/** Debts reported at the same time when the store is back. */
const MAX_REPORTS = 8;

/** Calls in one request; more have to wait for the next. */
const MAX_CALLS = 5000;

/** What to ask of the store for one key. */
interface Ask {
  readonly calls: readonly PendingCall[];
  /** The costs of the calls, less what the lease holds. */
  readonly costs: readonly number[];
  /** Units to lease. */
  readonly extra: number;
}

/** Asks for nothing: reports a debt, or finds out whether the store answers. */
const NOTHING: Ask = { calls: [], costs: [], extra: 0 };

/**
 * Asks the store: for calls that wait, for batches ahead of their need, and whether it is back.
 *
 * A key of a leased limit has one request under way; the next one serves all calls that came meanwhile. In strict mode every
 * call has a request of its own; so it has where the round trip is long against the time in which the bucket fills, because a
 * full bucket would lose what comes back before the next request reaches it.
 */
export class StoreRequests {
  readonly #options: ResolvedRedisRateLimiterOptions;
  readonly #bucket: SharedBucket;
  readonly #decider: Decider;
  #underWay = 0;
  #probing = false;

  constructor(options: ResolvedRedisRateLimiterOptions, bucket: SharedBucket, decider: Decider) {
    this.#options = options;
    this.#bucket = bucket;
    this.#decider = decider;
  }

  /** Requests under way. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Settles `call` by the store's reply. */
  ask(state: KeyState, storeKey: string, call: PendingCall): void {
    if (state.isOverflow || !this.#sharesRequests()) {
      void this.#send(state, storeKey, { calls: [call], costs: [call.units], extra: 0 });
      return;
    }
    if (state.waiting.length >= 2 * this.#options.maxQueue) {
      state.waiting = state.waiting.filter(({ settled }) => !settled);
    }
    state.waiting.push(call);
    if (state.asking) return;
    state.asking = true;
    void this.#askForWaiting(state, storeKey);
  }

  /** Asks for the next batch if the lease is low. No call waits for it. */
  refillIfLow(state: KeyState, storeKey: string, units: number, now: number): void {
    if (state.lease.available(now) < state.lowWater) this.refill(state, storeKey, units, now);
  }

  /** Asks for a batch, at least `units`, unless a request is under way or the store is known to have less. */
  refill(state: KeyState, storeKey: string, units: number, now: number): void {
    if (state.asking || state.isOverflow || this.#options.limit.leaseMs === 0) return;
    if (this.#bucket.state === 'unavailable' || !this.#sharesRequests()) return;
    if (this.#decider.isExhausted(state, units, now)) return;
    state.asking = true;
    void this.#askForWaiting(state, storeKey, units);
  }

  /** Finds out whether an unavailable store is back, if that is due. No call waits for it. */
  probeIfDue(state: KeyState, storeKey: string): void {
    if (this.#probing || !this.#bucket.isProbeDue) return;
    this.#probing = true;
    void this.#send(state, storeKey, NOTHING).finally(() => {
      this.#probing = false;
    });
  }

  /** Charges the shared buckets with what was admitted while the store was unavailable. */
  async reportDebts(states: Iterator<readonly [string, KeyState]>): Promise<void> {
    const reportNext = async (): Promise<void> => {
      for (let next = states.next(); !next.done; next = states.next()) {
        const [storeKey, state] = next.value;
        if (this.#bucket.state === 'unavailable') return;
        if (state.local.owed(this.#bucket.outageAt, this.#options.clock.now()) === 0) continue;
        await this.#send(state, storeKey, NOTHING);
      }
    };
    await Promise.all(Array.from({ length: MAX_REPORTS }, reportNext));
  }

  /** Whether a bucket cannot fill between two requests of which the second waits for the first. */
  #sharesRequests(): boolean {
    const { mode, limit } = this.#options;
    return mode === 'leased' && 2 * this.#bucket.roundTripMs <= limit.capacityMs;
  }

  async #askForWaiting(state: KeyState, storeKey: string, refillUnits?: number): Promise<void> {
    // A microtask later, so that all calls of this turn are in the request.
    await Promise.resolve();
    let ask = this.#takeWaiting(state, refillUnits);
    while (ask !== undefined) {
      await this.#send(state, storeKey, ask);
      this.#settleKnown(state);
      ask = this.#takeWaiting(state);
    }
    state.asking = false;
  }

  /** One request for all calls that wait, and for the next batch. */
  #takeWaiting(state: KeyState, refillUnits = 0): Ask | undefined {
    const waiting = state.waiting.filter(({ settled }) => !settled);
    const calls = waiting.slice(0, MAX_CALLS);
    state.waiting = waiting.slice(MAX_CALLS);
    if (calls.length === 0 && refillUnits === 0) return undefined;
    const now = this.#options.clock.now();
    let atHand = state.lease.lasting(now + this.#bucket.roundTripMs);
    const costs: number[] = [];
    for (const { units } of calls) {
      const fromLease = Math.min(units, atHand);
      atHand -= fromLease;
      if (units > fromLease) costs.push(units - fromLease);
    }
    const extra = Math.max(refillUnits, this.#batchUnits(state, now) - atHand);
    return { calls, costs, extra: Math.max(0, Math.min(extra, this.#options.limit.capacity)) };
  }

  /** Settles the waiting calls that can be decided by the latest reply. */
  #settleKnown(state: KeyState): void {
    const now = this.#options.clock.now();
    state.waiting = state.waiting.filter((call) => {
      if (call.settled) return false;
      const decision = this.#decider.decide(state, call.units, now);
      if (decision === 'ask') return true;
      call.settle(decision === 'admit' ? undefined : this.#decider.rejection(state, call.units, now));
      return false;
    });
  }

  /** What will be spent in half of the time for which a lease can be used; 0 if that is too little to foresee. */
  #batchUnits(state: KeyState, now: number): number {
    const ms = (this.#options.limit.leaseMs - this.#bucket.roundTripMs) / 2;
    if (ms <= 0) return 0;
    return state.demand.calls(ms, now) < MIN_BATCH_CALLS ? 0 : Math.floor(state.demand.units(ms, now));
  }

  async #send(state: KeyState, storeKey: string, { calls, costs, extra }: Ask): Promise<void> {
    const { clock } = this.#options;
    const askedAt = clock.now();
    const debt = state.isOverflow ? 0 : state.local.owed(this.#bucket.outageAt, askedAt);
    state.local.repay(debt);
    state.requests++;
    this.#underWay++;
    const debit = await this.#bucket.debit({ key: storeKey, costs, extra, debt }, (late) =>
      state.local.repay(debt + late.granted),
    );
    state.requests--;
    this.#underWay--;
    const now = clock.now();
    // Only now: a burst of calls in one request is no sign of further calls, for which a batch would be of use.
    for (const { units } of calls) state.demand.record(units, now);
    if (debit === undefined) {
      if (debt > 0) state.local.owe(debt, this.#bucket.outageAt, now);
      this.#settleLocally(state, calls, now);
      return;
    }
    if (!state.isOverflow && this.#options.mode === 'leased') {
      state.fullAt = askedAt + debit.fullAfterMs;
      state.fullWithinMs = now - askedAt;
      state.repliedAt = now;
    }
    this.#settleByGrant(state, calls, debit, askedAt);
    const batchUnits = this.#batchUnits(state, now);
    const roundTripUnits = state.demand.units(this.#bucket.roundTripMs, now);
    state.lowWater = batchUnits === 0 ? 0 : Math.max(batchUnits * LOW_WATER, roundTripUnits);
  }

  /** Admits calls in order from the grant and the lease; the rest of the grant is leased. */
  #settleByGrant(state: KeyState, calls: readonly PendingCall[], debit: Debit, askedAt: number): void {
    const now = this.#options.clock.now();
    const rejected: PendingCall[] = [];
    let grant = debit.granted;
    for (const call of calls) {
      if (call.settled) continue;
      const left = state.lease.spendWith(call.units, grant, now);
      if (left < 0) {
        rejected.push(call);
        continue;
      }
      grant = left;
      state.local.charge(call.units, now);
      call.settle(undefined);
    }
    if (!state.isOverflow) state.lease.receive(grant, askedAt, now);
    const fullAt = now + debit.fullAfterMs;
    for (const call of rejected) call.settle(this.#decider.sharedRejection(state, call.units, fullAt, now));
  }

  #settleLocally(state: KeyState, calls: readonly PendingCall[], now: number): void {
    for (const call of calls) {
      if (call.settled) continue;
      const admitted = this.#decider.decideLocally(state, call.units, now);
      call.settle(admitted ? undefined : this.#decider.localRejection(state, call.units, now));
    }
  }
}
