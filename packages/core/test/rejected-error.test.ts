import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, expectTypeOf, it, vi } from 'vitest';
import { isRejected, RejectedError, type RejectionCode } from '../src/index.ts';
import { rejectedPromise } from '../src/kit/index.ts';

/** A proxy that throws on every access. */
function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

afterEach(() => {
  RejectedError.captureStack = false;
});

describe('RejectedError', () => {
  it('has the code, the name of the primitive, the time to wait and the cause', () => {
    const cause = new Error('why');
    const error = new RejectedError('RATE_LIMITED', 'per-client', { retryAfterMs: 12.5, cause });
    expect(error).toMatchObject({
      name: 'RejectedError',
      message: 'per-client rejected the call: RATE_LIMITED',
      code: 'RATE_LIMITED',
      rejectedBy: 'per-client',
      retryAfterMs: 12.5,
      workBegan: false,
      cause,
    });
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toBe('RejectedError: per-client rejected the call: RATE_LIMITED');
  });

  it.each([
    ['undefined', undefined, undefined],
    ['NaN', Number.NaN, undefined],
    ['negative', -1, undefined],
    ['-Infinity', Number.NEGATIVE_INFINITY, undefined],
    ['0', 0, 0],
    ['1e300', 1e300, 1e300],
    ['Infinity, which is never', Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  ])('distinguishes an unknown retryAfterMs from never and from now: %s', (_name, given, retryAfterMs) => {
    expect(new RejectedError('RATE_LIMITED', 'bucket', { retryAfterMs: given }).retryAfterMs).toBe(
      retryAfterMs,
    );
  });

  it('leaves out what is unknown', () => {
    const error = new RejectedError('CANCELLED', 'pool');
    expect(error.retryAfterMs).toBeUndefined();
    expect('cause' in error).toBe(false);
    expect(new RejectedError('CANCELLED', 'pool', { workBegan: true }).workBegan).toBe(true);
    expect(new RejectedError('RATE_LIMITED', 'pool', { retryAfterMs: 0 }).retryAfterMs, 'now').toBe(0);
  });

  it('captures no stack, and does not affect other errors', () => {
    const reject = (): RejectedError => new RejectedError('SHED', 'queue');
    expect(reject().stack).toBe('RejectedError: queue rejected the call: SHED');
    expect(new Error('other').stack).toContain('rejected-error.test.ts');
  });

  it('captures a stack if captureStack is set', () => {
    RejectedError.captureStack = true;
    expect(new RejectedError('SHED', 'queue').stack).toContain('rejected-error.test.ts');
  });

  it('restores the limit of stack frames', () => {
    const { stackTraceLimit } = Error;
    try {
      Error.stackTraceLimit = 7;
      new RejectedError('SHED', 'queue');
      expect(Error.stackTraceLimit).toBe(7);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  });

  it('can be made where the intrinsics are frozen', () => {
    Object.defineProperty(Error, 'stackTraceLimit', { writable: false });
    try {
      expect(new RejectedError('SHED', 'queue')).toMatchObject({ code: 'SHED' });
    } finally {
      Object.defineProperty(Error, 'stackTraceLimit', { writable: true });
    }
  });
});

describe('isRejected', () => {
  it('recognises a rejection and its code', () => {
    const error: unknown = new RejectedError('QUEUE_FULL', 'queue');
    expect(isRejected(error)).toBe(true);
    expect(isRejected(error, 'QUEUE_FULL')).toBe(true);
    expect(isRejected(error, 'SHED')).toBe(false);
    if (isRejected(error)) expectTypeOf(error).toEqualTypeOf<RejectedError>();
  });

  it('recognises a rejection that another copy of the package made', async () => {
    vi.resetModules();
    const copy = await import('../src/rejected-error.ts');
    const theirs: unknown = new copy.RejectedError('CIRCUIT_OPEN', 'breaker', { retryAfterMs: 5 });
    expect(theirs).not.toBeInstanceOf(RejectedError);
    expect(isRejected(theirs, 'CIRCUIT_OPEN')).toBe(true);
    expect(copy.isRejected(new RejectedError('SHED', 'queue'), 'SHED')).toBe(true);
  });

  it('recognises subclasses that a copy does not know', () => {
    class Special extends RejectedError {}
    expect(isRejected(new Special('SHED', 'queue'))).toBe(true);
  });

  it.each([
    undefined,
    null,
    'QUEUE_FULL',
    1,
    Symbol('x'),
    () => {},
    {},
    { code: 'QUEUE_FULL', name: 'RejectedError' },
    Object.create(null),
    new Error('QUEUE_FULL'),
    new DOMException('aborted', 'AbortError'),
    runInNewContext('new Error("of another realm")'),
  ])('does not recognise %o', (other) => expect(isRejected(other)).toBe(false));

  it('does not throw for a proxy that throws', () => expect(isRejected(revoked())).toBe(false));

  it('has a type for every code', () => {
    expectTypeOf<RejectedError['code']>().toEqualTypeOf<RejectionCode>();
    expectTypeOf(isRejected).parameter(1).toEqualTypeOf<RejectionCode | undefined>();
  });
});

describe('rejectedPromise', () => {
  it('rejects with the error itself, but not before the caller could handle it', async () => {
    const rejection = new RejectedError('QUEUE_FULL', 'queue');
    expect(await Promise.race([rejectedPromise(rejection), Promise.resolve('not rejected yet')])).toBe(
      'not rejected yet',
    );
    await expect(rejectedPromise(rejection)).rejects.toBe(rejection);
  });

  it('does not hide a rejection that is not handled', async () => {
    const rejection = new RejectedError('QUEUE_FULL', 'queue');
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    try {
      const surfaced = new Promise((resolve) => process.once('unhandledRejection', resolve));
      rejectedPromise(rejection);
      expect(await surfaced).toBe(rejection);
    } finally {
      for (const listener of others) process.on('unhandledRejection', listener);
    }
  });
});
