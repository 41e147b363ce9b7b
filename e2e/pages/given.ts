// What the test in Go has started and made for this spec.
export const given: {
  address: string; // of the pages: host and port
  articles: string; // of the API articles, whose backend answers "the backend"
  shop: string; // of the API shop, which takes tokens in X-Shop-Key
  setUp?: string; // the link that the gateway logged; only in specs that begin with an empty store
  demo?: string; // the link that `tokenreeve demo` printed; only in the spec of the demo
  password: string; // of all accounts
  sessions: Record<string, string>; // cookies, as name=value, by account
  tokens: Record<string, { id: string; name: string; secret: string }>; // see sampleTokens in pages_samples_test.go
} = JSON.parse(process.env.PAGES_GIVEN!);

// The accounts, by role; "reader" has the role readers, which may next to nothing.
export type Account = "owner" | "manager" | "member" | "auditor" | "reader";

// rest asks the REST API as an account, and returns the JSON of the answer.
export async function rest(as: Account, method: string, path: string, body?: unknown): Promise<any> {
  const answer = await fetch(`http://${given.address}/api/v1${path}`, {
    method,
    headers: { Cookie: given.sessions[as], "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path} as ${as}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}
