import { Type } from 'typebox';

const item = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' });
const quantity = Type.Integer({ minimum: 1, maximum: 1_000 });
const amount = Type.Integer({ minimum: 1, maximum: 100_000_000 });

export const orderBody = Type.Object({ item, quantity, amount }, { additionalProperties: false });

export const queuedAnswer = Type.Object({
  message: Type.Literal('Order queued'),
  orderId: Type.String(),
  queueSize: Type.Integer(),
});

export const orderParams = Type.Object({ orderId: Type.String() });

export const orderAnswer = Type.Object({
  orderId: Type.String(),
  state: Type.Enum(['queued', 'processing', 'retrying', 'paid', 'failed']),
  item,
  quantity,
  amount,
  reason: Type.Optional(Type.String()),
  paymentId: Type.Optional(Type.String()),
});
