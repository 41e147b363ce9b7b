// The table of tokens.

export function enhance() {}
