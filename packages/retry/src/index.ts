export type { Fetch, RetryingFetchOptions } from './fetch-options.ts';
export type { RetryingOptions, RetryOptions } from './options.ts';
export type { RetryEvent, RetryStats } from './retrier.ts';
export { Retry, retry } from './retry.ts';
export { parseRetryAfter } from './retry-after.ts';
export { RetryBudget, type RetryBudgetOptions, type RetryBudgetStats } from './retry-budget.ts';
export { createRetryingFetch, type RetryingFetch } from './retrying-fetch.ts';
export type { RetryDecision, Settled } from './verdict.ts';
