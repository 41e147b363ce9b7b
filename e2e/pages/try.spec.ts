import { checkPage, expect, given, glance, makeToken, test } from "./fixtures.ts";

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with scripts" : "without scripts", () => {
    test.use({ who: "member", javaScriptEnabled });

    test("what is missing can be granted", async ({ page }) => {
      const name = javaScriptEnabled ? "tried" : "tried without scripts";
      const { token } = await makeToken("member", name, { type: "custom", grants: ["article.find"] });
      await page.goto(`/tokens/${token.id}`);
      await page.getByRole("main").getByRole("link", { name: "Try it" }).click();
      await expect(page.getByLabel("Token")).toHaveValue(name);
      if (javaScriptEnabled) await checkPage(page, "try");

      const decision = page.getByRole("status").filter({ hasText: "Decision" });
      await page.getByLabel("Path", { exact: true }).fill("/api/articles");
      await page.getByRole("button", { name: "Decide" }).click();
      await expect(decision).toContainText("Allowed");
      await expect(decision).toContainText("The token was granted article.find.");
      if (javaScriptEnabled) await checkPage(page, "try-allowed");

      await page.getByLabel("Method", { exact: true }).selectOption("DELETE");
      await page.getByLabel("Path", { exact: true }).fill(`http://${given.articles}/api/articles/3?soft=1`);
      await page.getByRole("button", { name: "Decide" }).click();
      await expect(decision).toContainText("Refused");
      await expect(decision).toContainText("The token has no grant of article.delete.");
      await expect(page.getByLabel("Path", { exact: true })).toHaveValue("/api/articles/3?soft=1");
      if (javaScriptEnabled) await checkPage(page, "try-refused");

      await decision.getByRole("link", { name: "Grant article.delete" }).click();
      await expect(page.getByText("article.delete is chosen because you followed a link.")).toBeVisible();
      await page.getByRole("button", { name: "Save" }).click();
      await expect(page).toHaveURL(new RegExp(`/tokens/${token.id}`));
      await page.goto(`/try?token=${token.id}&method=DELETE&path=/api/articles/3`);
      await expect(decision).toContainText("Allowed");
    });
  });
}

test("tokens are offered as one types", async ({ as }) => {
  const page = await as("manager");
  await page.goto("/try");
  const options = page.locator("#tokens option");
  await expect(options.nth(Object.keys(given.tokens).length - 1)).toBeAttached();
  await page.getByLabel("Token").pressSequentially("night");
  await expect(options).toHaveCount(1);
  await expect(options).toHaveAttribute("value", given.tokens.import.name);
});

test("a GraphQL document is decided by its root fields", async ({ as }) => {
  const page = await as("manager");
  await page.goto(`/try?token=${given.tokens.shop.id}`);
  await expect(page.getByLabel("Document", { exact: true })).toBeHidden();
  await page.getByLabel("A GraphQL document").check();
  await expect(page.getByLabel("Path", { exact: true })).toBeHidden();
  await page.getByLabel("Document", { exact: true }).fill("query Mine { orders { id } }\nmutation Stop { cancelOrder(id: 3) }");
  await page.getByRole("button", { name: "Decide" }).click();
  const decision = page.getByRole("status").filter({ hasText: "Decision" });
  await expect(decision).toContainText("query orders Allowed");
  await expect(decision).toContainText("mutation cancelOrder Refused");
  await checkPage(page, "try-graphql");

  await page.getByLabel("Document", { exact: true }).fill("query {");
  await page.getByRole("button", { name: "Decide" }).click();
  await expect(page.getByRole("alert")).toBeFocused();
  await expect(page.getByLabel("Document", { exact: true })).toHaveValue("query {");
  await glance(page, "try-graphql-unreadable");
});

test("a token that cannot be seen is not there, and a secret is not repeated", async ({ as }) => {
  const page = await as("member");
  await page.goto("/try");
  for (const [token, says] of [[given.tokens.site.id, "You can see no such token."], [given.tokens.import.secret, "that is a secret"]]) {
    await page.getByLabel("Token").fill(token);
    await page.getByLabel("Path", { exact: true }).fill("/api/articles");
    await page.getByRole("button", { name: "Decide" }).click();
    await expect(page.getByRole("alert")).toContainText(says);
    expect(await page.content()).not.toContain(given.tokens.import.secret);
    await expect(page.getByLabel("Path", { exact: true })).toHaveValue("/api/articles");
  }
});
