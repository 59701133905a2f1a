import { describe, expect, it } from 'vitest';

/**
 * The protocol of leases as a small model, explored in every order of events: what instances ask, the store debits,
 * replies that come late, twice or never, instances that crash, leases that expire. One tick brings one permit back.
 *
 * A token bucket watches every permit that is spent: it rejects exactly when some window of time has seen more than
 * burst + rate * window.
 */
interface Protocol {
  readonly burst: number;
  readonly leaseTicks: number;
  readonly instances: number;
  /** What the store lets be ahead: the burst less what comes back during a lease. */
  readonly tolerance: number;
  /** When a lease begins to run out: as it must, or later. */
  readonly expiresFrom: 'asked' | 'received';
}

interface Batch {
  readonly permits: number;
  readonly ttl: number;
}
interface Instance {
  readonly batches: readonly Batch[];
  /** A request under way: not yet at the store (granted undefined), or debited and its reply under way. */
  readonly request: { readonly age: number; readonly most: number; readonly granted?: number } | undefined;
}
interface State {
  readonly ahead: number;
  readonly tokens: number;
  readonly instances: readonly Instance[];
}

const IDLE: Instance = { batches: [], request: undefined };

function* eventsOf(
  instance: Instance,
  state: State,
  protocol: Protocol,
): Generator<[Instance, Partial<State>]> {
  const { batches, request } = instance;
  const debit = (most: number): { granted: number; ahead: number } => {
    const granted = Math.max(0, Math.min(most, protocol.tolerance - state.ahead));
    return { granted, ahead: state.ahead + granted };
  };
  if (request === undefined) {
    for (let most = 1; most <= protocol.tolerance; most++) {
      yield [{ batches, request: { age: 0, most } }, {}];
    }
  } else if (request.granted === undefined) {
    const { granted, ahead } = debit(request.most);
    yield [{ batches, request: { ...request, granted } }, { ahead }];
    // Delivered twice: both are debited, one reply is heard.
    const second = Math.max(0, Math.min(request.most, protocol.tolerance - ahead));
    yield [{ batches, request: { ...request, granted } }, { ahead: ahead + second }];
    yield [{ batches, request: undefined }, {}];
  } else {
    const ttl = protocol.leaseTicks - (protocol.expiresFrom === 'asked' ? request.age : 0);
    const received = ttl > 0 && request.granted > 0 ? [{ permits: request.granted, ttl }] : [];
    if (batches.length < 2) yield [{ batches: [...batches, ...received], request: undefined }, {}];
    yield [{ batches, request: undefined }, {}];
  }
  const [first, ...rest] = batches;
  if (first !== undefined) {
    const left = first.permits - 1;
    yield [
      { batches: left > 0 ? [{ ...first, permits: left }, ...rest] : rest, request },
      { tokens: state.tokens - 1 },
    ];
  }
  if (batches.length > 0 || request !== undefined) yield [IDLE, {}];
}

function tick(state: State, protocol: Protocol): State {
  return {
    ahead: Math.max(0, state.ahead - 1),
    tokens: Math.min(protocol.burst, state.tokens + 1),
    instances: state.instances.map(({ batches, request }) => ({
      batches: batches.map(({ permits, ttl }) => ({ permits, ttl: ttl - 1 })).filter(({ ttl }) => ttl > 0),
      // Older than any lease is old enough: it makes no more difference.
      request: request && { ...request, age: Math.min(request.age + 1, protocol.leaseTicks) },
    })),
  };
}

/** Instances are alike, so states that differ only in their order are one. */
const fingerprint = ({ ahead, tokens, instances }: State): string =>
  `${ahead}/${tokens}/${instances
    .map((instance) => JSON.stringify(instance))
    .sort()
    .join()}`;

/** Explores every reachable state; the fewest tokens the watching bucket ever had are below 0 if the limit broke. */
function explore(protocol: Protocol): { readonly states: number; readonly fewestTokens: number } {
  const start: State = {
    ahead: 0,
    tokens: protocol.burst,
    instances: Array.from({ length: protocol.instances }, () => IDLE),
  };
  const seen = new Set([fingerprint(start)]);
  const open = [start];
  let fewestTokens = protocol.burst;
  const visit = (state: State): void => {
    fewestTokens = Math.min(fewestTokens, state.tokens);
    const print = fingerprint(state);
    if (state.tokens < 0 || seen.has(print)) return;
    seen.add(print);
    open.push(state);
  };
  for (let state = open.pop(); state !== undefined && fewestTokens >= 0; state = open.pop()) {
    const current = state;
    visit(tick(current, protocol));
    current.instances.forEach((instance, index) => {
      for (const [changed, effect] of eventsOf(instance, current, protocol)) {
        visit({
          ...current,
          ...effect,
          instances: current.instances.map((other, i) => (i === index ? changed : other)),
        });
      }
    });
  }
  return { states: seen.size, fewestTokens };
}

describe('leases, every order of events', () => {
  it.each([
    { burst: 3, leaseTicks: 1, instances: 2 },
    { burst: 4, leaseTicks: 2, instances: 2 },
    { burst: 3, leaseTicks: 1, instances: 3 },
    { burst: 5, leaseTicks: 3, instances: 2 },
    { burst: 3, leaseTicks: 2, instances: 3 },
  ])('never pass the limit: $instances instances, burst $burst, leases of $leaseTicks', (setting) => {
    const tolerance = setting.burst - setting.leaseTicks;
    const { states, fewestTokens } = explore({ ...setting, tolerance, expiresFrom: 'asked' });
    expect(states).toBeGreaterThan(500);
    expect(fewestTokens).toBeGreaterThanOrEqual(0);
  });

  it('would pass it if a lease ran from the moment its reply came', () => {
    const { fewestTokens } = explore({
      burst: 4,
      leaseTicks: 2,
      instances: 2,
      tolerance: 2,
      expiresFrom: 'received',
    });
    expect(fewestTokens).toBeLessThan(0);
  });

  it('would pass it if the whole burst were lent out', () => {
    const { fewestTokens } = explore({
      burst: 4,
      leaseTicks: 2,
      instances: 2,
      tolerance: 4,
      expiresFrom: 'asked',
    });
    expect(fewestTokens).toBeLessThan(0);
  });
});
