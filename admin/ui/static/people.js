// Accounts, roles, the audit trail and sessions.

export function enhance() {}
