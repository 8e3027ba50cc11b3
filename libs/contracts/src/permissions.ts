/** What a role may contain. The service that decides checks it again; the gateway only spares it the work. */
export const PERMISSIONS = [
  'org:read',
  'org:write',
  'agents:read',
  'agents:write',
  'agents:revoke',
  'groups:read',
  'groups:write',
  'enrolment:read',
  'enrolment:write',
  'events:read',
  'policies:read',
  'policies:write',
  'policies:publish',
  'users:read',
  'users:write',
  'tokens:read',
  'tokens:write',
] as const;

export type Permission = (typeof PERMISSIONS)[number];

/** Built-in roles; each contains the one before. */
export const BUILT_IN_ROLES = {
  viewer: ['org:read', 'agents:read', 'groups:read', 'events:read', 'policies:read'],
  operator: [
    'org:read',
    'agents:read',
    'groups:read',
    'events:read',
    'agents:write',
    'groups:write',
    'enrolment:read',
    'enrolment:write',
    'tokens:read',
    'policies:read',
    'policies:write',
  ],
  admin: [
    'org:read',
    'agents:read',
    'groups:read',
    'events:read',
    'agents:write',
    'groups:write',
    'enrolment:read',
    'enrolment:write',
    'tokens:read',
    'policies:read',
    'policies:write',
    'policies:publish',
    'agents:revoke',
    'users:read',
    'users:write',
    'tokens:write',
  ],
  owner: PERMISSIONS,
} as const satisfies Record<string, readonly Permission[]>;

export type BuiltInRole = keyof typeof BUILT_IN_ROLES;
