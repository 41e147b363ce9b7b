import type { Page } from "@playwright/test";

import { type Account, expect, given, glance, test } from "./fixtures.ts";

// Every role sees its menu, and whatever it is shown a link to opens.

const menus: Record<Account, string[]> = {
  owner: ["Tokens", "Try it", "APIs", "Accounts", "Roles", "Audit trail"],
  manager: ["Tokens", "Try it", "APIs"],
  member: ["Tokens", "Try it", "APIs"],
  auditor: ["Tokens", "Try it", "APIs", "Accounts", "Roles", "Audit trail"],
  reader: ["Tokens", "Try it", "APIs"],
};

for (const [who, menu] of Object.entries(menus) as [Account, string[]][]) {
  test(`${who} sees what is theirs`, async ({ as }) => {
    const page = await as(who);
    await page.goto("/tokens");
    await expect(page.getByRole("navigation", { name: "Main" }).getByRole("link")).toHaveText(menu);
    const samples = ["member", "reader"].includes(who) ? ["Nightly import"] : Object.values(given.tokens).map((t) => t.name);
    for (const name of who === "reader" ? [] : samples) {
      await expect(page.getByRole("row").getByRole("link", { name, exact: true })).toBeVisible();
    }
    if (who === "reader") await expect(page.getByRole("row")).toHaveCount(0);
    if (who === "member") await expect(page.getByRole("link", { name: given.tokens.site.name })).toHaveCount(0);
  });

  test(`${who} comes wherever a link leads`, async ({ as }) => {
    test.setTimeout(120_000);
    const page = await as(who);
    const refused = await walk(page, who);
    expect(refused).toEqual([]);
  });
}

// walk follows all links from the tokens on, one for each kind of page, and
// glances at every kind. It returns the addresses that did not open.
async function walk(page: Page, who: Account): Promise<string[]> {
  const refused: string[] = [], seen = new Set<string>(), next = ["/tokens"];
  for (let path = next.shift(); path; path = next.shift()) {
    const kind = kindOf(path);
    if (seen.has(kind)) continue;
    seen.add(kind);
    const answer = await page.goto(path);
    if (!answer?.ok()) {
      refused.push(`${path}: ${answer?.status()}`);
      continue;
    }
    await glance(page, `${who}${kind.replaceAll(/[^a-z0-9]+/g, "-")}`);
    for (const link of await page.locator("a[href]:not([download])").all()) {
      const href = (await link.getAttribute("href"))!;
      if (href.startsWith("/") && href !== "/" && !href.startsWith("/audit/export")) next.push(href);
    }
  }
  return refused;
}

// kindOf is the address without what names one thing, and without the query.
function kindOf(path: string): string {
  return path.replace(/[?#].*/, "").replace(/tok_\w+/, "one").replace(/^\/(accounts|roles|apis)\/(?!new)[^/]+/, "/$1/one");
}
