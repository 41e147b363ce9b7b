import { checkPage, expect, given, makeToken, notice, rest, test } from "./fixtures.ts";

// Many pictures are taken.
test.describe.configure({ timeout: 60_000 });

test.describe("as owner", () => {
  test.use({ who: "owner" });

  test("the table shows what there is, and what is in it is text", async ({ page }) => {
    await page.goto("/tokens");
    const row = (name: string) => page.getByRole("row").filter({ hasText: name });
    await expect(row("Web site")).toContainText("Reads what is on the front page.");
    await expect(row("Ends soon")).toContainText("ends soon");
    await expect(row("Forgotten")).toContainText("unused for 90 days");
    await expect(row("Has ended")).toContainText("Expired");
    await expect(row("Disabled").getByText("Disabled", { exact: true }).last()).toBeVisible();
    await expect(page.getByRole("link", { name: given.tokens.script.name, exact: true })).toBeVisible();
    await expect(page.getByRole("link", { name: given.tokens.image.name, exact: true })).toBeVisible();
    await expect(row("Web site").locator("time").first()).toHaveAttribute("title", /20\d\d/);
    await checkPage(page, "tokens");
  });

  test("it searches while one types, sorts, filters, and comes back to all of it", async ({ page }) => {
    await page.goto("/tokens");
    const names = page.locator("tbody th");
    await page.getByRole("searchbox").pressSequentially("ends soon");
    await expect(names).toHaveText([/^Ends soon/]);
    await expect(page.locator("#count")).toHaveText("1 token");
    await expect(page).toHaveURL("/tokens?search=ends+soon");
    await expect(page.getByRole("searchbox")).toBeFocused();
    await page.getByRole("searchbox").fill("");
    await expect(names.nth(1)).toBeVisible();
    await page.getByRole("link", { name: "Created" }).press("Enter");
    await expect(page.getByRole("columnheader", { name: "Created" })).toHaveAttribute("aria-sort", "descending");
    await expect(page.getByRole("link", { name: "Created" })).toBeFocused();
    await page.getByLabel("Type").selectOption("Full access");
    await expect(names).toHaveText([/^Ends soon/, /^Forgotten/]);
    await expect(page.getByRole("columnheader", { name: "Created" })).toHaveAttribute("aria-sort", "descending");
    await page.getByLabel("Unused for 90 days").check();
    await expect(names).toHaveText([/^Forgotten/]);
    await page.goBack();
    await expect(names).toHaveText([/^Ends soon/, /^Forgotten/]);
    await expect(page.getByLabel("Unused for 90 days")).not.toBeChecked();
    await expect(page.getByLabel("Type")).toHaveValue("full-access");
    await page.getByRole("searchbox").fill("no such token");
    await expect(page.getByRole("heading", { name: "No token matches" })).toBeVisible();
    await checkPage(page, "tokens-none-match");
    await page.getByRole("link", { name: "Clear the filters" }).last().click();
    await expect(names.nth(8)).toBeVisible();
    await expect(page.getByRole("columnheader", { name: "Created" })).toHaveAttribute("aria-sort", "descending");
  });

  // The page is slow to get its scripts here, and somebody types before they are there.
  test("what is typed before the scripts are there is searched for", async ({ page }) => {
    await makeToken("owner", "typed at once");
    let load = () => {};
    const loaded = new Promise<void>((resolve) => (load = resolve));
    await page.route("**/*.js", async (route) => (await loaded, route.continue()));
    await page.goto("/tokens", { waitUntil: "commit" });
    await page.getByRole("searchbox").fill("typed at");
    load();
    await expect(page.locator("tbody th")).toHaveText([/^typed at once/]);
    await expect(page).toHaveURL("/tokens?search=typed+at");
  });

  // Answers come while somebody still types: what was typed last is shown in the end, and
  // nothing is broken off, which the browser would complain about.
  test("what is typed while an answer is on its way is searched for next", async ({ page }) => {
    await makeToken("owner", "slow search");
    await page.goto("/tokens");
    let asked = 0;
    let answer = () => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    await page.route("**/tokens?*", async (route) => {
      if (++asked === 1) await answered;
      await route.continue();
    });
    await page.getByRole("searchbox").fill("no such");
    await expect.poll(() => asked).toBe(1);
    await page.getByRole("searchbox").fill("slow search");
    await page.getByRole("searchbox").press("Enter");
    answer();
    await expect(page.locator("tbody th")).toHaveText([/^slow search/]);
    await expect(page).toHaveURL("/tokens?search=slow+search");
  });

  test("several are disabled, enabled and deleted, each by its word", async ({ page }) => {
    await makeToken("owner", "batch one");
    const gone = await makeToken("owner", "batch two");
    await page.goto("/tokens?search=batch&sort=created");
    for (const button of ["Enable", "Disable", "Delete"]) await expect(page.getByRole("button", { name: button })).toBeDisabled();
    await page.locator("#select-all").press("Space");
    await expect(page.getByText("2 selected")).toBeVisible();
    await page.getByLabel("Select batch two").uncheck();
    await expect(page.getByText("1 selected")).toBeVisible();
    await page.locator("#select-all").check();
    await page.getByRole("button", { name: "Disable" }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Disable tokens");
    await checkPage(page, "tokens-disable");
    await page.getByRole("button", { name: "Disable 2 tokens" }).press("Enter");
    await expect(notice(page, "2 tokens are disabled.")).toBeVisible();
    await page.getByRole("link", { name: "Back to the tokens" }).click();
    await expect(page).toHaveURL("/tokens?search=batch&sort=created");
    await expect(page.getByRole("cell", { name: "Disabled" })).toHaveCount(2);

    await page.locator("#select-all").check();
    await page.getByRole("button", { name: "Delete" }).click();
    await rest("owner", "DELETE", "/tokens/" + gone.token.id);
    await page.getByLabel("To delete them, type 2").fill("2");
    await page.getByRole("button", { name: "Delete 2 tokens" }).click();
    await expect(notice(page, "1 token is deleted. The others stay as they were")).toBeVisible();
    await expect(page.getByRole("row").filter({ hasText: gone.token.id })).toContainText("deleted meanwhile");
    await checkPage(page, "tokens-deleted");
    await expect(page).toHaveURL("/tokens?search=batch&sort=created"); // by a script
    await page.reload(); // asks nothing, does nothing
    await expect(page.getByRole("heading", { name: "No token matches" })).toBeVisible();
  });

  test("on a phone there is a choice of the order, all are selected at once, and nothing unseen has the focus", async ({ page }) => {
    await page.setViewportSize({ width: 380, height: 800 });
    await makeToken("owner", "phone one");
    await makeToken("owner", "phone two");
    await page.goto("/tokens?search=phone");
    const names = page.locator("tbody th");
    await page.getByLabel("Sort by").selectOption("Name, Z to A");
    await expect(names).toHaveText([/^phone two/, /^phone one/]);
    await expect(page).toHaveURL("/tokens?order=desc&search=phone");
    await expect(page.getByRole("button", { name: "Disable" })).toBeHidden();
    await page.locator("#select-all-cards").check();
    await expect(page.getByText("2 selected")).toBeVisible();
    await expect(page.getByRole("button", { name: "Disable" })).toBeVisible();
    await expect(page.locator("thead a").first()).toBeHidden();
    await checkPage(page, "tokens-phone");
    await page.getByRole("link", { name: "phone one" }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("phone one");
    await page.waitForLoadState(); // the link back is a script's
    await page.locator("main").getByRole("link", { name: "Tokens" }).click();
    await expect(page).toHaveURL("/tokens?order=desc&search=phone");
    await page.goto("/tokens");
    await expect(page.getByLabel("Status", { exact: true })).toBeHidden();
    await page.getByText("Filters").click();
    await expect(page.getByLabel("Status", { exact: true })).toBeVisible();
  });

  test("pages follow each other", async ({ page }) => {
    for (let i = 10; i < 70; i++) await makeToken("owner", `paged ${i}`);
    await page.goto("/tokens?search=paged");
    await expect(page.locator("tbody th")).toHaveCount(50);
    await page.getByRole("link", { name: "Next page" }).press("Enter");
    await expect(page.locator("tbody th")).toHaveCount(10);
    await expect(page.locator("tbody th").last()).toContainText("paged 69");
    await expect(page.getByRole("searchbox")).toHaveValue("paged");
    await page.getByRole("link", { name: "Previous page" }).click();
    await expect(page.locator("tbody th").first()).toContainText("paged 10");
  });
});

test("members see their own, auditors see all and change nothing", async ({ as }) => {
  const member = await as("member");
  await member.goto("/tokens");
  await expect(member.getByRole("link", { name: "Nightly import" })).toBeVisible();
  await expect(member.getByText("Web site")).toHaveCount(0);
  await expect(member.getByText("All tokens")).toHaveCount(0);
  await checkPage(member, "tokens-member");

  const auditor = await as("auditor");
  await auditor.goto("/tokens?search=site");
  await expect(auditor.getByRole("link", { name: "Web site" })).toBeVisible();
  await expect(auditor.getByRole("link", { name: "New token" })).toHaveCount(0);
  await expect(auditor.locator("tbody input")).toHaveCount(0);
  await checkPage(auditor, "tokens-auditor");

  const manager = await as("manager");
  await manager.goto("/tokens?search=i");
  await manager.getByRole("link", { name: "My tokens" }).click();
  await expect(manager.getByText("Nightly import")).toHaveCount(0);
  await expect(manager.getByRole("link", { name: "Web site" })).toBeVisible();
});

test("without scripts the same can be done", async ({ as }) => {
  await makeToken("owner", "plain");
  const page = await as("owner", { javaScriptEnabled: false });
  await page.goto("/tokens");
  await page.getByRole("searchbox").fill("plain");
  await page.getByRole("button", { name: "Search" }).click();
  await expect(page.locator("tbody th")).toHaveText([/plain/]);
  await page.getByRole("link", { name: "Owner", exact: true }).click();
  await expect(page.locator("tbody th")).toHaveText([/plain/]);
  await page.getByRole("button", { name: "Delete" }).click();
  await expect(page.getByText("Select at least one token first.")).toBeVisible();
  await page.getByLabel("Select plain").check();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByLabel("To delete it, type 1").fill("1");
  await page.getByRole("button", { name: "Delete 1 token" }).click();
  await page.getByRole("link", { name: "Back to the tokens" }).click();
  await expect(page.getByRole("heading", { name: "No token matches" })).toBeVisible();
});
