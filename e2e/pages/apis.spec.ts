import { checkPage, expect, test } from "./fixtures.ts";

test.describe("the APIs", () => {
  test.use({ who: "member" });

  test("say which gateways protect them, and what a token can be granted", async ({ page }) => {
    await page.goto("/apis");
    const row = page.getByRole("row").filter({ hasText: "articles" });
    await expect(row).toContainText("1 running");
    await checkPage(page, "apis");
    await row.getByRole("link", { name: "articles" }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("articles");
    await expect(page.getByRole("table", { name: "Gateways" }).getByRole("row")).toHaveCount(2);
    await expect(page.getByRole("region", { name: "search" })).toContainText("counts as reading");
    await expect(page.getByRole("region", { name: "search" })).toContainText("also needs article.find, article.find_one if the request has comments");
    await checkPage(page, "api");
  });

  test("are searched as one types", async ({ page }) => {
    await page.goto("/apis/articles");
    const search = page.getByRole("searchbox", { name: "Find a permission or a path" });
    await search.pressSequentially("comments delete");
    await expect(page.getByText("DELETE /api/comments/{id}")).toBeVisible();
    await expect(page.getByText("GET /api/articles", { exact: true })).toBeHidden();
    await expect(page.getByRole("status").first()).toHaveText("Permissions that match: 1");
    await search.fill("nothing like it");
    await expect(page.getByText("No permission matches.").last()).toBeVisible();
    await search.fill("");
    await expect(page.getByText("GET /api/articles", { exact: true })).toBeVisible();
  });

  test("lead to their tokens and to a new one", async ({ page }) => {
    await page.goto("/apis/shop");
    await page.getByRole("link", { name: /^\d+ tokens?$/ }).click();
    await expect(page).toHaveURL("/tokens?api=shop");
    await page.goto("/apis/shop");
    await page.getByRole("link", { name: "Make a token" }).click();
    await expect(page.getByLabel("API")).toHaveValue("shop");
  });
});

test("no API is there without a gateway in front of one", async ({ as }) => {
  const page = await as("owner");
  await page.goto("/apis/nothing");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("There is no such thing");
});

test("without scripts all permissions are there, and no search", async ({ as }) => {
  const page = await as("member", { javaScriptEnabled: false });
  await page.goto("/apis/articles");
  await expect(page.getByText("DELETE /api/comments/{id}")).toBeVisible();
  await expect(page.getByRole("searchbox")).toHaveCount(0);
});
