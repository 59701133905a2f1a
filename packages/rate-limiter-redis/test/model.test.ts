import { describe, expect, it } from 'vitest';
import { type Batch, Lease } from '../src/keys/lease.ts';
import { resolveSharedLimit } from '../src/limit/shared-limit.ts';
import { toTokens } from '../src/limit/units.ts';
import { decide } from './fake-store.ts';

/**
 * Explores the protocol of leases in every order of events: what instances ask, the store debits, replies that come late,
 * twice or never, instances that crash, leases that expire. The leases, the limit and the grants are the package's own
 * code; the store is the fake that `server.test.ts` compares with the script. One tick brings one token back.
 *
 * A token bucket watches every token that is spent. It is overdrawn exactly when some window of time has seen more than
 * `burst + rate * window`.
 */
interface Protocol {
  readonly burst: number;
  readonly leaseTicks: number;
  readonly instances: number;
  /** Ticks after which a reply is dropped. Default: `leaseTicks`. */
  readonly timeoutTicks?: number;
  /** What the shared bucket holds, if not what the package computes. */
  readonly capacity?: number;
  /** Whether a lease runs from the reply instead of the request. */
  readonly runsFromReply?: boolean;
}

/** A request: on its way to the store (`granted` is undefined), or its reply on its way back. */
interface Request {
  readonly age: number;
  /** Calls of cost 1 that wait for it. */
  readonly calls: number;
  /** Tokens to lease beside them. */
  readonly extra: number;
  readonly granted?: number;
}
interface Instance {
  /** `expiresAt` counts from now. */
  readonly batches: readonly Readonly<Batch>[];
  readonly request: Request | undefined;
}
interface State {
  readonly ahead: number;
  readonly tokens: number;
  readonly instances: readonly Instance[];
}
type Effect = Partial<Pick<State, 'ahead' | 'tokens'>>;

const IDLE: Instance = { batches: [], request: undefined };

class Explorer {
  readonly #protocol: Protocol;
  readonly #capacity: number;
  readonly #timeoutTicks: number;

  constructor(protocol: Protocol) {
    this.#protocol = protocol;
    const { burst, leaseTicks, timeoutTicks = leaseTicks } = protocol;
    const limit = resolveSharedLimit({ rate: 1, intervalMs: 1, burst, leaseMs: leaseTicks }, true);
    this.#capacity = protocol.capacity ?? toTokens(limit.capacity);
    this.#timeoutTicks = timeoutTicks;
  }

  *successors(state: State): Generator<State> {
    yield this.#tick(state);
    for (const [index, instance] of state.instances.entries()) {
      for (const [changed, effect] of this.#events(instance, state)) {
        const instances = state.instances.map((other, i) => (i === index ? changed : other));
        yield { ...state, ...effect, instances };
      }
    }
  }

  *#events(instance: Instance, state: State): Generator<[Instance, Effect]> {
    const { batches, request } = instance;
    if (request === undefined) {
      yield [{ batches, request: { age: 0, calls: 1, extra: 0 } }, {}];
      yield [{ batches, request: { age: 0, calls: 0, extra: 1 } }, {}];
      yield [{ batches, request: { age: 0, calls: 1, extra: this.#capacity - 1 } }, {}];
    } else if (request.granted === undefined) {
      const { granted, ahead } = this.#debit(state.ahead, request);
      yield [{ batches, request: { ...request, granted } }, { ahead }];
      // Executed twice: both are debited, one reply arrives.
      yield [{ batches, request: { ...request, granted } }, { ahead: this.#debit(ahead, request).ahead }];
      yield [{ batches, request: undefined }, {}];
    } else {
      yield this.#receive(batches, { ...request, granted: request.granted }, state);
      yield [{ batches, request: undefined }, {}];
    }
    const lease = this.#lease(batches);
    if (lease.trySpend(1, 0)) yield [{ batches: lease.batches, request }, { tokens: state.tokens - 1 }];
    if (batches.length > 0 || request !== undefined) yield [IDLE, {}];
  }

  #debit(ahead: number, { calls, extra }: Request): { granted: number; ahead: number } {
    const runs = calls === 0 ? [] : [1, calls];
    const reply = decide(ahead, { microsPerUnit: 1, toleranceMicros: this.#capacity, debt: 0, extra, runs });
    return { granted: reply.granted, ahead: reply.aheadMicros };
  }

  /** The waiting calls are admitted as far as the grant and the lease reach; the rest is leased. */
  #receive(
    batches: readonly Readonly<Batch>[],
    { age, calls, granted }: Request & { granted: number },
    state: State,
  ): [Instance, Effect] {
    const lease = this.#lease(batches);
    let grant = granted;
    let { tokens } = state;
    for (let call = 0; call < calls; call++) {
      const left = lease.spendWith(1, grant, 0);
      if (left < 0) continue;
      grant = left;
      tokens--;
    }
    lease.receive(grant, this.#protocol.runsFromReply ? 0 : -age, 0);
    return [{ batches: lease.batches, request: undefined }, { tokens }];
  }

  #lease(batches: readonly Readonly<Batch>[]): Lease {
    return new Lease(this.#protocol.leaseTicks, batches);
  }

  #tick({ ahead, tokens, instances }: State): State {
    const older = (request: Request | undefined): Request | undefined =>
      request === undefined || request.age >= this.#timeoutTicks
        ? undefined
        : { ...request, age: request.age + 1 };
    const left = (batches: readonly Readonly<Batch>[]): readonly Readonly<Batch>[] => {
      const lease = this.#lease(batches.map(({ units, expiresAt }) => ({ units, expiresAt: expiresAt - 1 })));
      lease.available(0);
      return lease.batches;
    };
    return {
      ahead: Math.max(0, ahead - 1),
      tokens: Math.min(this.#protocol.burst, tokens + 1),
      instances: instances.map(({ batches, request }) => ({
        batches: left(batches),
        request: older(request),
      })),
    };
  }
}

/** Instances are alike, so states that differ only in their order are one. */
const fingerprint = ({ ahead, tokens, instances }: State): string =>
  `${ahead}/${tokens}/${instances
    .map((instance) => JSON.stringify(instance))
    .sort()
    .join()}`;

/** Visits every reachable state; the fewest tokens that the watching bucket ever has are below 0 if the limit is passed. */
function explore(
  protocol: Protocol,
  stopBelow = Number.NEGATIVE_INFINITY,
): { readonly states: number; readonly fewestTokens: number } {
  const explorer = new Explorer(protocol);
  const start: State = {
    ahead: 0,
    tokens: protocol.burst,
    instances: Array.from({ length: protocol.instances }, () => IDLE),
  };
  const seen = new Set([fingerprint(start)]);
  const open = [start];
  let fewestTokens = protocol.burst;
  for (let state = open.pop(); state !== undefined && fewestTokens >= stopBelow; state = open.pop()) {
    for (const next of explorer.successors(state)) {
      fewestTokens = Math.min(fewestTokens, next.tokens);
      const print = fingerprint(next);
      if (seen.has(print)) continue;
      seen.add(print);
      open.push(next);
    }
  }
  return { states: seen.size, fewestTokens };
}

describe('leases, in every order of events', () => {
  it.each([
    { burst: 3, leaseTicks: 1, instances: 2 },
    { burst: 4, leaseTicks: 2, instances: 2 },
  ])('never pass the limit: $instances instances, burst $burst, leases of $leaseTicks', (protocol) => {
    const { states, fewestTokens } = explore(protocol);
    expect(states).toBeGreaterThan(500);
    // All of the burst can be spent, and no more.
    expect(fewestTokens).toBe(0);
  });

  it('pass it by what comes back while a reply is later than a lease, and by no more', () => {
    const { fewestTokens } = explore({ burst: 3, leaseTicks: 1, instances: 2, timeoutTicks: 2 });
    expect(fewestTokens).toBe(-1);
  });

  it('would pass it if a lease ran from its reply', () => {
    const { fewestTokens } = explore({ burst: 4, leaseTicks: 2, instances: 2, runsFromReply: true }, 0);
    expect(fewestTokens).toBeLessThan(0);
  });

  it('would pass it if the whole burst were lent', () => {
    const { fewestTokens } = explore({ burst: 4, leaseTicks: 2, instances: 2, capacity: 4 }, 0);
    expect(fewestTokens).toBeLessThan(0);
  });
});
