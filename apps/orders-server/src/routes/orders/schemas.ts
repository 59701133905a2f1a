import { Type } from 'typebox';

const orderId = Type.String({ pattern: '^[A-Za-z0-9._:-]{1,64}$' });
/** The route also checks that the amount has at most two decimals. */
const amount = Type.Number({ exclusiveMinimum: 0, maximum: 1e9 });

export const orderBody = Type.Object({ orderId: Type.Optional(orderId), amount });

export const queuedResponse = Type.Object({
  message: Type.Literal('Order queued'),
  orderId: Type.String(),
  queueSize: Type.Integer(),
});

export const orderParams = Type.Object({ orderId: Type.String() });

export const orderResponse = Type.Object({
  orderId: Type.String(),
  amount: Type.Number(),
  state: Type.Enum(['queued', 'processing', 'retrying', 'paid', 'failed', 'unresolved']),
  reason: Type.Optional(Type.String()),
  paymentId: Type.Optional(Type.String()),
});
