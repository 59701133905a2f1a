export { ContextDoneError, type ContextDoneOptions, type DoneKind } from './done.ts';
export { type ContextKey, contextKey } from './key.ts';
export type { ChildOptions, RequestContextOptions } from './options.ts';
export {
  ATTEMPT_HEADER,
  contextHeaders,
  GRPC_TIMEOUT_HEADER,
  type HeaderSource,
  type InboundLimits,
  type OutboundContext,
  type OutboundOptions,
  PRIORITY_HEADER,
  parseGrpcTimeoutMs,
  parseTimeoutMs,
  readAttempt,
  readContextOptions,
  TIMEOUT_HEADER,
} from './propagation.ts';
export { RequestContext } from './request-context.ts';
export { type TimeoutOptions, timeout } from './timeout.ts';
