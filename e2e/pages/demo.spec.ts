import { join } from "node:path";

import type { Page } from "@playwright/test";

import { checkPage, expect, given, screenshots, test } from "./fixtures.ts";

// What `tokenreeve demo` prints leads to. Its pages are those in docs/management.md:
// scripts/pictures takes them anew.

// follow opens the link, and waits until it has signed in.
async function follow(page: Page) {
  await page.goto(given.demo!);
  await expect(page).toHaveURL("/tokens");
}

test("the link of the demo signs in, again too, and stays in no address", async ({ page }) => {
  await follow(page);
  await expect(page.getByRole("link", { name: "Nightly import" })).toBeVisible();
  await expect(page.getByText("ends soon").first()).toBeVisible();
  await expect(page.locator("tbody").getByText("unused for 90 days")).toBeVisible();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).toHaveURL(/\/sign-in/);
  await follow(page);
  await page.goto("/audit");
  await expect(page.getByRole("listitem").filter({ hasText: "Nightly import" }).first()).toBeVisible();
});

test.describe("without scripts", () => {
  test.use({ javaScriptEnabled: false });

  test("the secret of the link is pasted", async ({ page }) => {
    await page.goto(given.demo!);
    await page.getByLabel("Paste the part after #").fill("not this");
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.locator("body")).toContainText("This is not the link");
    await page.goBack();
    await page.getByLabel("Paste the part after #").fill(given.demo!.replace(/.*#/, ""));
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page).toHaveURL("/tokens");
  });
});

test("the page of the link is as accessible as the others", async ({ page }) => {
  await page.goto(given.demo!.replace(/#.*/, ""));
  await checkPage(page, "demo-link");
});

test.describe("pictures", () => {
  test.use({ viewport: { width: 1280, height: 900 }, deviceScaleFactor: 0.66 });

  test("are taken of the pages", async ({ page }) => {
    const picture = (name: string, fullPage = true) =>
      page.screenshot({ path: join(process.env.PAGES_PICTURES ?? screenshots, `${name}.png`), fullPage, animations: "disabled" });
    await follow(page);
    await picture("tokens", false);

    await page.getByRole("link", { name: "New token" }).click();
    await page.getByLabel("Name").fill("Newsletter");
    await page.getByLabel("Description").fill("Sends the newest articles on Fridays");
    await page.getByLabel("API", { exact: true }).selectOption("articles");
    await page.locator("input[value='article.find']").check();
    await page.locator("input[value='search.run']").check();
    await expect(page.getByText("2 chosen")).toBeVisible();
    await picture("new-token");

    await page.getByRole("button", { name: "Make the token" }).click();
    await expect(page.getByRole("button", { name: "Copy The secret" })).toBeVisible();
    await picture("secret");

    await page.goto("/tokens");
    await page.getByRole("link", { name: "Nightly import" }).click();
    await expect(page.getByRole("heading", { name: "Use", exact: true })).toBeVisible();
    await picture("token");

    await page.getByRole("main").getByRole("link", { name: "Try it" }).click();
    await page.getByLabel("Method", { exact: true }).selectOption("DELETE");
    await page.getByLabel("Path", { exact: true }).fill("/api/articles/3");
    await page.getByRole("button", { name: "Decide" }).click();
    await expect(page.getByRole("status").filter({ hasText: "Decision" })).toContainText("Refused");
    await page.setViewportSize({ width: 1280, height: 600 });
    await picture("try", false);

    await page.goto("/audit?api=articles");
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.getByRole("listitem").filter({ hasText: "changed the permissions" }).getByText("Details").click();
    await picture("audit", false);
  });
});
