import { describe, expect, it } from 'vitest';
import { RejectedError } from '../src/index.ts';
import { Rejections } from '../src/kit/index.ts';

describe('Rejections', () => {
  it('makes, counts and returns rejections in the name of the primitive', () => {
    const rejections = new Rejections('bucket');
    const rejection = rejections.reject('RATE_LIMITED', { retryAfterMs: 5 });
    expect(rejection).toMatchObject({ code: 'RATE_LIMITED', rejectedBy: 'bucket', retryAfterMs: 5 });
    const other = new RejectedError('SHED', 'queue');
    expect(rejections.record(other)).toBe(other);
    expect(rejections.count).toBe(2);
  });

  it('notifies every listener of every rejection once, until it is removed', () => {
    const rejections = new Rejections('bucket');
    const notified: string[] = [];
    expect(rejections.isObserved).toBe(false);
    const remove = rejections.onRejected(({ code }) => notified.push(code));
    expect(rejections.isObserved).toBe(true);
    rejections.reject('QUEUE_FULL');
    rejections.recordLazily(() => new RejectedError('SHED', 'bucket'));
    remove();
    remove();
    rejections.reject('CANCELLED');
    expect(notified).toEqual(['QUEUE_FULL', 'SHED']);
    expect(rejections.isObserved).toBe(false);
    expect(rejections.count).toBe(3);
  });

  it('makes no rejection lazily while there is no listener, but counts it', () => {
    const rejections = new Rejections('bucket');
    rejections.recordLazily(() => {
      throw new Error('was made');
    });
    expect(rejections.count).toBe(1);
  });
});
