import { checkPage, expect, given, notice, test } from "./fixtures.ts";

// The first visit. The store is empty, and the tests are in the order of a new user.
test.describe.configure({ mode: "serial" });

test("without a link nobody gets in", async ({ page }) => {
  await page.goto("/set-up");
  await page.getByLabel("Set-up link").fill("trs_" + "0".repeat(64));
  await page.getByLabel("Your name").fill("ann");
  await page.getByLabel("Password").fill(given.password);
  await page.getByRole("button", { name: "Make the account" }).click();
  await expect(page.getByRole("alert")).toContainText("This link does not work");
  await expect(page.getByRole("alert")).toBeFocused();
  await checkPage(page, "set-up-refused");
});

test("the link makes the first account, and shows what to do next", async ({ page }) => {
  await page.goto(given.setUp!);
  await expect(page).toHaveURL("/set-up"); // the secret is in no history
  await expect(page.getByLabel("Set-up link")).toBeHidden();
  await expect(page.getByLabel("Your name")).toBeFocused();
  await checkPage(page, "set-up");

  await page.getByLabel("Your name").fill("Ann Other");
  await page.getByLabel("Password").fill(given.password);
  await page.getByRole("button", { name: "Make the account" }).click();
  await expect(page.getByRole("alert")).toBeFocused();
  await expect(page.getByLabel("Your name")).toHaveValue("Ann Other");
  await expect(page.getByLabel("Your name")).toHaveAttribute("aria-invalid", "true");
  await checkPage(page, "set-up-problems");

  await page.getByLabel("Your name").fill("ann");
  await page.getByLabel("Password").fill(given.password);
  await page.getByRole("button", { name: "Make the account" }).click();
  await expect(notice(page, "Welcome")).toBeVisible();
  await expect(page.getByRole("heading", { name: "No tokens yet" })).toBeVisible();
  await checkPage(page, "empty");
});

test("the link works once", async ({ page }) => {
  await page.goto(given.setUp!);
  await expect(page).toHaveURL(/\/sign-in/);
  await expect(notice(page, "The first account is there already")).toBeVisible();
});
