import { checkPage, expect, given, makeToken, notice, rest, signIn, test } from "./fixtures.ts";

// Many pictures are taken.
test.describe.configure({ timeout: 60_000 });

// call asks the API articles as a program with a token would.
async function call(secret: string, method: string, path: string): Promise<number> {
  return (await fetch(`http://${given.articles}${path}`, { method, headers: { Authorization: "Bearer " + secret } })).status;
}

test.describe("as member", () => {
  test.use({ who: "member" });

  test("a custom token is made, its secret is shown once, and works", async ({ page, context }) => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.goto("/tokens");
    await page.getByRole("link", { name: "New token" }).click();
    await expect(page.getByLabel("Name")).toBeFocused();
    await page.getByLabel("Name").fill("from the browser");
    await page.getByLabel("Description").fill("ö".repeat(190));
    await expect(page.getByText("10 left").first()).toBeVisible();
    await expect(page.getByText("Choose an API first")).toBeVisible();
    await page.getByLabel("API", { exact: true }).selectOption("articles");
    await page.getByLabel("Tick all of article").check();
    await expect(page.getByText("5 chosen")).toBeVisible();
    await page.getByLabel("Tick delete of all resources").check();
    await expect(page.getByText("6 chosen")).toBeVisible();
    await page.getByLabel("Tick delete of all resources").uncheck();
    await page.getByPlaceholder("Find a permission or a path").fill("/api/comments post");
    await expect(page.getByLabel("comment.create")).toBeVisible();
    await expect(page.getByLabel("article.create")).toBeHidden();
    await page.getByLabel("Tick all permissions").check();
    await page.getByPlaceholder("Find a permission or a path").fill("");
    await expect(page.getByText("5 chosen")).toBeVisible();
    await expect(page.getByLabel("comment.find", { exact: false }).first()).not.toBeChecked();
    await page.getByLabel("Other operations").fill("GET /api/reports");
    await checkPage(page, "token-new");
    await page.getByRole("button", { name: "Make the token" }).click();

    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Your new token: from the browser");
    const secret = (await page.locator("#secret").textContent())!;
    await checkPage(page, "token-secret");
    await page.getByRole("button", { name: "Copy The secret" }).click();
    await expect(page.getByText("Copied")).toBeVisible();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(secret);
    await expect(page.locator("#curl")).toHaveText(`curl -H "Authorization: Bearer ${secret}" "http://${given.articles}/api/articles"`);
    expect(await call(secret, "GET", "/api/articles")).toBe(200);
    expect(await call(secret, "POST", "/api/comments")).toBe(200);
    expect(await call(secret, "GET", "/api/reports")).toBe(200);
    expect(await call(secret, "DELETE", "/api/articles/1")).toBe(403);

    const id = (await rest("member", "GET", "/tokens?search=from+the+browser")).items[0].id;
    await expect(page).toHaveURL("/tokens/" + id);
    await page.reload();
    expect(await page.content()).not.toContain(secret);
    await page.goto("/tokens");
    await page.goBack();
    await expect(page).toHaveURL("/tokens/" + id);
    expect(await page.content()).not.toContain(secret);
    await page.goBack();
    expect(await page.content()).not.toContain(secret);
  });

  test("by keys alone", async ({ page }) => {
    await page.goto("/tokens/new?api=articles");
    await page.keyboard.type("by keys");
    const to = async (id: string) => {
      for (let i = 0; i < 60; i++) {
        if (await page.evaluate((id) => document.activeElement?.id === id, id)) return;
        await page.keyboard.press("Tab");
      }
      throw new Error(`Tab does not lead to ${id}`);
    };
    await to("type-custom");
    await to("duration-30d");
    await page.keyboard.press("ArrowRight");
    await expect(page.getByLabel("90 days")).toBeChecked();
    await to("grant-article.find");
    await page.keyboard.press("Space");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Your new token: by keys");
    await expect(page.locator("#secret")).toContainText("trv_");
  });

  test("mistakes are told beside their fields, and nothing typed is lost", async ({ page }) => {
    await page.goto("/tokens/new?api=articles");
    await page.getByLabel("Name").fill("Nightly import");
    await page.getByLabel("Description").fill("x".repeat(203));
    await expect(page.getByText("Shorten it by 3 characters").first()).toBeVisible();
    await page.getByLabel("A date").check();
    await page.getByLabel("article.find ", { exact: false }).first().check();
    await page.getByLabel("Other operations").fill("GET /api/fine\narticle.fnid");
    await page.getByRole("button", { name: "Make the token" }).click();
    await expect(page.getByRole("alert")).toBeFocused();
    await expect(page.getByRole("alert")).toContainText("Line 2");
    for (const name of ["Name", "Description", "Last day", "Other operations"]) {
      await expect(page.getByLabel(name)).toHaveAttribute("aria-invalid", "true");
    }
    await expect(page.getByLabel("Description")).toHaveValue("x".repeat(203));
    await expect(page.locator('[value="article.find"]')).toBeChecked();
    await checkPage(page, "token-mistakes");
    await expect(page.getByText("Shorten it by 3 characters", { exact: true }).first()).toBeVisible();
    await page.getByRole("alert").getByRole("link", { name: "Name:" }).press("Enter");
    await expect(page.getByLabel("Name")).toBeFocused();
  });

  test("another API has other permissions, and nothing else changes", async ({ page }) => {
    await page.goto("/tokens/new?api=articles");
    await page.getByLabel("Name").fill("typed");
    await page.locator('[value="article.find"]').check();
    await page.getByLabel("API", { exact: true }).selectOption("shop");
    await expect(page.locator('[value="order.find"]')).toBeVisible();
    await expect(page.locator('[name=grant][value="article.find"]')).toHaveCount(0);
    await expect(page.getByLabel("Name")).toHaveValue("typed");
    await page.getByLabel("API", { exact: true }).selectOption("articles");
    await expect(page.locator('[name=grant][value="article.find"]')).toBeChecked();
    await page.getByLabel("Full access").check();
    await expect(page.getByText("Whoever has this token can do everything")).toBeVisible();
    await expect(page.locator("#permissions")).toBeHidden();
  });

  test("a date is the last day where the reader is", async ({ page }) => {
    await page.goto("/tokens/new?api=articles");
    await page.getByLabel("Name").fill("dated");
    await page.getByLabel("Read-only").check();
    await page.getByLabel("A date").check();
    await expect(page.getByText("in your time zone (Asia/")).toBeVisible();
    await page.getByLabel("Last day").fill("2098-12-31");
    await page.getByRole("button", { name: "Make the token" }).click();
    await expect(page.locator("#secret")).toBeVisible();
    expect((await rest("member", "GET", "/tokens?search=dated")).items[0].expiry).toBe("2098-12-31T18:30:00Z");
  });

  test("a token is edited, and who comes too late sees what it is now", async ({ page, as }) => {
    const made = (await makeToken("member", "edited", { type: "custom", grants: ["article.find", "GET /api/reports"] })).token;
    const other = await as("owner");
    await other.goto(`/tokens/${made.id}/edit`);
    await page.goto(`/tokens/${made.id}/edit`);
    await expect(page.locator('[value="article.find"]')).toBeChecked();
    await expect(page.getByLabel("Other operations")).toHaveValue("GET /api/reports");
    await expect(page.getByLabel("As it is")).toBeChecked();
    await checkPage(page, "token-edit");
    await page.getByLabel("Name").fill("edited first");
    await page.getByRole("button", { name: "Save" }).click();
    await expect(notice(page, "Saved.")).toBeVisible();
    await expect(page).toHaveURL(`/tokens/${made.id}`);

    await other.getByLabel("Name").fill("edited second");
    await other.getByLabel("Owner").selectOption("manager");
    await other.getByRole("button", { name: "Save" }).click();
    await expect(other.getByRole("alert")).toContainText("member changed this token just now");
    await expect(other.getByRole("alert")).toBeFocused();
    await expect(other.getByRole("row", { name: "Name" })).toContainText("edited first");
    await expect(other.getByLabel("Name")).toHaveValue("edited second");
    await checkPage(other, "token-conflict");
    await other.getByRole("button", { name: "Save" }).click();
    await expect(other).toHaveURL(`/tokens/${made.id}`);
    const now = await rest("owner", "GET", "/tokens/" + made.id);
    expect([now.name, now.owner, now.grants, now.expiry]).toEqual(["edited second", "manager", ["article.find", "GET /api/reports"], made.expiry]);
  });
});

test("a role that hands out little says so", async ({ as }) => {
  const page = await as("reader");
  await page.goto("/tokens/new");
  await expect(page.getByLabel("API", { exact: true })).toHaveValue("articles");
  await expect(page.getByLabel("Full access")).toBeDisabled();
  await expect(page.getByText("Your role readers doesn't hand this out.").first()).toBeVisible();
  await checkPage(page, "token-new-reader");
  await page.getByLabel("Name").fill("read only");
  await page.getByLabel("Read-only").check();
  await page.getByRole("button", { name: "Make the token" }).click();
  await expect(page.locator("#secret")).toBeVisible();
});

test("without scripts a token is made once, however often the form is sent", async ({ as }) => {
  const page = await as("manager", { javaScriptEnabled: false });
  await page.goto("/tokens/new");
  await page.getByLabel("Name").fill("no scripts");
  await page.getByLabel("API", { exact: true }).selectOption("shop");
  await page.getByRole("button", { name: "Show its permissions" }).click();
  await expect(page.getByLabel("Name")).toHaveValue("no scripts");
  await page.locator('[value="order.find"]').check();
  await page.getByRole("button", { name: "Make the token" }).click();
  const secret = (await page.locator("#secret").textContent())!;
  await expect(page.locator("#curl")).toContainText("X-Shop-Key: trv_");
  await page.reload(); // sends the form again
  await expect(page.getByText("This form made the token already")).toBeVisible();
  expect(await page.content()).not.toContain(secret);
  expect((await rest("manager", "GET", "/tokens?search=no+scripts")).items.length).toBe(1);
});

test("what was typed outlives the session", async ({ page, context }) => {
  await signIn(page, "manager");
  await page.goto("/tokens/new?api=articles");
  await page.getByLabel("Name").fill("typed before");
  await page.locator('[value="article.find"]').check();
  await context.clearCookies();
  await page.getByRole("button", { name: "Make the token" }).click();
  await expect(page.getByText("You were signed out meanwhile")).toBeVisible();
  await checkPage(page, "sign-in-typed");
  await page.getByLabel("Name").fill("manager");
  await page.getByLabel("Password").fill(given.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByText("Nothing was saved yet")).toBeVisible();
  await expect(page.getByLabel("Name")).toHaveValue("typed before");
  await expect(page.locator('[value="article.find"]')).toBeChecked();
  await checkPage(page, "token-typed-again");
  await page.getByRole("button", { name: "Make the token" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Your new token: typed before");
  await page.getByRole("button", { name: "Sign out" }).click();
});
