// The page of a token, its chart, and what it may do; APIs.

export function enhance() {}
