import type { Page } from "@playwright/test";

import { expect, given, makeToken, rest, signIn, test, tooWide } from "./fixtures.ts";

// The longest names that APIs, roles, accounts and tokens may have. The API is in specChanges.
const api = "a".repeat(64);
const role = "r".repeat(64);
const account = "n".repeat(64);
const name = "t".repeat(100);

// fits opens pages on phones, and wants them no wider.
async function fits(page: Page, paths: string[]) {
  for (const width of [390, 320]) {
    await page.setViewportSize({ width, height: 800 });
    for (const path of paths) {
      await page.goto(path);
      expect.soft(await tooWide(page), `wider than ${width} px: ${path}`).toEqual([]);
    }
  }
}

test("pages with long names fit phones", async ({ as, page }) => {
  test.slow(); // it looks at many pages
  await rest("owner", "POST", "/roles", {
    name: role, description: "d".repeat(200), read: "all", create: "all", update: "all", regenerate: "all", delete: "all", audit: true,
    ceiling: { apis: [api, "articles"] },
  });
  await rest("owner", "POST", "/accounts", { name: account, role, password: given.password });
  const { token } = await makeToken("owner", name, { api, owner: account });
  await fits(await as("owner"), [
    "/tokens", `/tokens?api=${api}&owner=${account}`, "/tokens/new", `/tokens/new?api=${api}`,
    `/tokens/${token.id}`, `/tokens/${token.id}/edit`, `/tokens/${token.id}/regenerate`, `/tokens/${token.id}/delete`,
    "/try", `/try?token=${token.id}&path=/far`, "/apis", `/apis/${api}`, `/apis/${api}/drafts`,
    "/accounts", "/accounts/new", `/accounts/${account}`, `/accounts/${account}/delete`, "/accounts/member",
    "/roles", "/roles/new", `/roles/${role}`, "/audit", `/audit?api=${api}`, "/account",
  ]);
  await signIn(page, account);
  await expect(page).toHaveURL("/tokens");
  await fits(page, ["/tokens", "/tokens/new", `/tokens/${token.id}`, "/account"]);
});
