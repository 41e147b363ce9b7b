// The forms of tokens, with the matrix of permissions, and the secret.

export function enhance() {}
