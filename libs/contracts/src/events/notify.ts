import { z } from 'zod';
import { open, sensitive } from '../classification.js';
import { displayName, timestamp } from '../names.js';
import { defineEvent, type EventOf } from './define.js';

const token = (prefix: string) => open(z.string().regex(new RegExp(`^${prefix}_[0-9a-f-]{36}$`)));

export const ChannelAdded = defineEvent(
  'ChannelAdded',
  1,
  z.strictObject({
    channelId: token('chn'),
    kind: open(z.enum(['email', 'webhook', 'slack'])),
    name: sensitive(displayName),
  }),
);
export const ChannelDisabled = defineEvent(
  'ChannelDisabled',
  1,
  z.strictObject({ channelId: token('chn'), reason: open(z.enum(['requested', 'gone'])) }),
);
export const RuleDefined = defineEvent(
  'RuleDefined',
  1,
  z.strictObject({ ruleId: token('rul'), name: sensitive(displayName) }),
);
export const AlertRaised = defineEvent(
  'AlertRaised',
  1,
  z.strictObject({ alertId: token('alr'), ruleId: token('rul') }),
);
export const AlertResolved = defineEvent('AlertResolved', 1, z.strictObject({ alertId: token('alr') }));
export const NotificationDelivered = defineEvent(
  'NotificationDelivered',
  1,
  z.strictObject({ deliveryId: token('dlv'), alertId: token('alr'), channelId: token('chn') }),
);
export const NotificationFailed = defineEvent(
  'NotificationFailed',
  1,
  z.strictObject({
    deliveryId: token('dlv'),
    alertId: token('alr'),
    channelId: token('chn'),
    attempt: open(z.int().min(1)),
  }),
);
export const SilenceSet = defineEvent(
  'SilenceSet',
  1,
  z.strictObject({ silenceId: token('sil'), from: open(timestamp), until: open(timestamp) }),
);

export const NOTIFY_EVENTS = [
  ChannelAdded,
  ChannelDisabled,
  RuleDefined,
  AlertRaised,
  AlertResolved,
  NotificationDelivered,
  NotificationFailed,
  SilenceSet,
] as const;
export type NotifyEvent = EventOf<(typeof NOTIFY_EVENTS)[number]>;
