import { test as base, type Browser, type BrowserContext, type BrowserContextOptions, expect, type Page } from "@playwright/test";

import { checkPage, findings, glance, screenshots, tooWide } from "./check.ts";
import { type Account, given, rest } from "./given.ts";
import { Watch } from "./watch.ts";

export { type Account, checkPage, expect, findings, given, glance, rest, screenshots, tooWide };

// visitor has nobody signed in; the rest are signed in before, by a session that
// all tests share: one that ends its session signs in by itself first.
export type Who = Account | "visitor";

interface Fixtures {
  who: Who;
  watch: Watch;
  as: (who: Who, options?: BrowserContextOptions) => Promise<Page>;
}

// test has a page on which nothing may go wrong, see Watch. Who is signed in is said by
//
//   test.use({ who: "manager" });
//
// or, in a test with several people, by `as`, which opens a browser of their own:
//
//   test("…", async ({ as }) => { const page = await as("member"); … });
//
// Without scripts it is `test.use({ javaScriptEnabled: false })`, or `as("owner", { javaScriptEnabled: false })`.
export const test = base.extend<Fixtures>({
  who: ["visitor", { option: true }],

  storageState: async ({ who }, use) => use(stateOf(who)),

  watch: [
    async ({}, use) => {
      const watch = new Watch("http://" + given.address);
      await use(watch);
      expect(watch.problems(), "what the browser complained about").toEqual([]);
    },
    { auto: true },
  ],

  context: async ({ context, watch }, use) => {
    await watch.on(context);
    await use(context);
  },

  as: async ({ browser, contextOptions, baseURL, viewport, locale, timezoneId, watch }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (who, options = {}) => {
      const context = await browser.newContext({
        ...contextOptions, baseURL, viewport, locale, timezoneId, storageState: stateOf(who), ...options,
      });
      contexts.push(context);
      await watch.on(context);
      return context.newPage();
    });
    for (const context of contexts) await context.close();
  },
});

function stateOf(who: Who) {
  const [name, value] = who === "visitor" ? [] : given.sessions[who].split("=");
  if (!name) return { cookies: [], origins: [] };
  const [domain] = given.address.split(":");
  return {
    cookies: [{ name, value, domain, path: "/", expires: -1, httpOnly: true, secure: false, sameSite: "Strict" as const }],
    origins: [],
  };
}

// signIn signs in by the form, in a session of its own.
export async function signIn(page: Page, name: string, password = given.password) {
  await page.goto("/sign-in");
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

// notice is what the page says of what was just done. Pages say other things as well, some of them the
// page that is being left: a locator of the role alone would find two of them, and end the test.
export function notice(page: Page, text: string) {
  return page.getByRole("status").filter({ hasText: text });
}

// makeToken makes a token through the REST API: names are unique within an API.
export async function makeToken(owner: Account, name: string, more: object = {}): Promise<any> {
  return rest(owner, "POST", "/tokens", { api: "articles", name, type: "read-only", duration: "30d", ...more });
}
