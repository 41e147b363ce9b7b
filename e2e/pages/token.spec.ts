import type { Page } from "@playwright/test";

import { checkPage, expect, given, glance, makeToken, notice, rest, test } from "./fixtures.ts";

// call asks the API with a secret, and returns the status of the answer.
async function call(secret: string, path = "/api/articles", method = "GET"): Promise<number> {
  const answer = await fetch(`http://${given.articles}${path}`, { method, headers: { Authorization: `Bearer ${secret}` } });
  await answer.body?.cancel();
  return answer.status;
}

const section = (page: Page, name: string) => page.getByRole("region", { name });

test.describe("the page of a token", () => {
  test.use({ who: "manager" });

  test("tells what it is, what it may do, and what it did", async ({ page }) => {
    await page.goto("/tokens");
    await page.getByRole("row").getByRole("link", { name: given.tokens.import.name }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Nightly import");
    await expect(section(page, "Settings")).toContainText("Custom");
    const may = section(page, "What it may do");
    await expect(may.getByText("GET /api/articles", { exact: true })).toBeVisible();
    await expect(may.getByText("POST /api/reports")).toBeVisible();
    await expect(may.getByText("DELETE")).toHaveCount(0);
    await expect(page.getByRole("table", { name: "History" }).getByRole("row")).toHaveCount(2);
    await checkPage(page, "token");
  });

  test("shows its use as a picture and as a table, for 30 and for 90 days", async ({ page }) => {
    await page.goto(`/tokens/${given.tokens.site.id}`);
    const use = section(page, "Use");
    const picture = use.getByRole("img", { name: /^Requests per day in the last 30 days/ });
    await expect(picture).toBeVisible();
    const legend = use.locator(".legend");
    await use.getByText("Show as a table").focus();
    await page.keyboard.press("Enter");
    const table = use.getByRole("table");
    await expect(table).toBeVisible();
    const numbers = await table.locator("tbody td:nth-child(2)").allInnerTexts();
    const sum = numbers.reduce((sum, n) => sum + Number(n.replaceAll(",", "")), 0);
    await expect(legend).toContainText(`Allowed: ${sum.toLocaleString("en-US")}`);
    await glance(page, "token-use");
    await use.getByRole("link", { name: "90 days" }).click();
    await expect(use.getByRole("img", { name: /^Requests per day in the last 90 days/ })).toBeVisible();
    await expect(use.getByRole("link", { name: "90 days" })).toHaveAttribute("aria-current", "true");
    await checkPage(page, "token-90-days");
  });

  test("has times in the zone of the reader", async ({ page }) => {
    await page.goto(`/tokens/${given.tokens.site.id}`);
    const { created } = await rest("manager", "GET", `/tokens/${given.tokens.site.id}`);
    const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "Asia/Kolkata" });
    await expect(section(page, "Settings").locator(`time[title="${exact.format(new Date(created))}"]`).first()).toBeVisible();
  });

  for (const key of ["script", "image", "template", "unicode", "long"]) {
    test(`shows whatever it is named: ${key}`, async ({ page }) => {
      const { id, name } = given.tokens[key];
      for (const path of ["", "/regenerate", "/delete"]) {
        await page.goto(`/tokens/${id}${path}`);
        await expect(page.getByRole("heading", { level: 1 })).toContainText(name);
      }
      await page.goto(`/tokens/${id}`);
      await checkPage(page, `token-named-${key}`);
    });
  }

  test("counts what requests do", async ({ page }) => {
    const { token, secret } = await makeToken("manager", "counted");
    await page.goto(`/tokens/${token.id}`);
    await expect(section(page, "Use")).toContainText("No request has come with it yet.");
    await glance(page, "token-unused");
    expect(await call(secret)).toBe(200);
    expect(await call(secret, "/api/articles/1", "DELETE")).toBe(403);
    await expect(async () => {
      await page.reload();
      await expect(section(page, "Use").locator(".legend")).toHaveText(/Allowed: 1\s+Refused: 1/, { timeout: 100 });
    }).toPass();
    await expect(section(page, "Settings").getByText("just now").first()).toBeVisible();
  });
});

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with scripts" : "without scripts", () => {
    test.use({ who: "member", javaScriptEnabled });
    const suffix = javaScriptEnabled ? "" : " without scripts";

    test("a token is disabled and enabled", async ({ page }) => {
      const { token, secret } = await makeToken("member", `switched${suffix}`);
      await page.goto(`/tokens/${token.id}`);
      await page.getByRole("button", { name: "Disable" }).click();
      await expect(notice(page, "The token is disabled.")).toBeVisible();
      await expect.poll(() => call(secret)).toBe(401);
      await page.getByRole("button", { name: "Enable" }).click();
      await expect(notice(page, "The token is enabled.")).toBeVisible();
      await expect.poll(() => call(secret)).toBe(200);
      await expect(page.getByRole("table", { name: "History" }).getByRole("row")).toHaveCount(4);
    });

    test("what was done is said as long as it is so", async ({ page }) => {
      const { token } = await makeToken("member", `noticed${suffix}`);
      await page.goto(`/tokens/${token.id}`);
      await page.getByRole("button", { name: "Disable" }).click();
      const disabled = notice(page, "The token is disabled.");
      await expect(disabled).toBeVisible();
      if (javaScriptEnabled) {
        await expect(disabled).toBeFocused();
        await expect(page).toHaveURL(`/tokens/${token.id}`);
        await page.reload();
        await expect(page.getByText("Disabled", { exact: true })).toBeVisible();
        await expect(disabled).toHaveCount(0);
      }
      await page.getByRole("button", { name: "Enable" }).click();
      await expect(notice(page, "The token is enabled.")).toBeVisible();
      await page.goBack();
      await expect(page.getByText("Active", { exact: true })).toBeVisible();
      await expect(disabled).toHaveCount(0);
    });

    test("a new secret, with time to move, then at once", async ({ page }) => {
      const { token, secret } = await makeToken("member", `renewed${suffix}`);
      await page.goto(`/tokens/${token.id}`);
      await page.getByRole("link", { name: "Regenerate" }).click();
      if (javaScriptEnabled) await checkPage(page, "token-regenerate");
      await page.getByLabel("In 24 hours").check();
      await page.getByRole("button", { name: "Regenerate" }).click();
      await expect(page.getByRole("heading", { level: 1 })).toContainText("New secret");
      const second = await page.locator("#secret").innerText();
      expect(await call(second)).toBe(200);
      expect(await call(secret)).toBe(200);

      await page.goto(`/tokens/${token.id}/regenerate`);
      await page.getByLabel("At once").check();
      await page.getByRole("button", { name: "Regenerate" }).click();
      const third = await page.locator("#secret").innerText();
      expect(await call(third)).toBe(200);
      await expect.poll(() => call(secret)).toBe(401);
      await expect.poll(() => call(second)).toBe(401);
    });

    test("a new secret of a disabled token works once it is enabled", async ({ page }) => {
      const { token } = await makeToken("member", `stopped${suffix}`);
      await page.goto(`/tokens/${token.id}`);
      await page.getByRole("button", { name: "Disable" }).click();
      await page.getByRole("link", { name: "Regenerate" }).click();
      await expect(page.getByText("The token is disabled.")).toBeVisible();
      await expect(page.getByLabel("In 24 hours")).toHaveCount(0);
      if (javaScriptEnabled) await checkPage(page, "token-regenerate-disabled");
      await page.getByRole("button", { name: "Regenerate" }).click();
      await expect(page.getByText("The token is disabled.")).toBeVisible();
      const secret = await page.locator("#secret").innerText();
      expect(await call(secret)).toBe(401);
      if (javaScriptEnabled) await checkPage(page, "token-secret-disabled");
      await page.getByRole("link", { name: "Enable it on its page" }).click();
      await page.getByRole("button", { name: "Enable" }).click();
      await expect.poll(() => call(secret)).toBe(200);
    });

    test("a token is made like another one", async ({ page }) => {
      const { token } = await makeToken("member", `model${suffix}`);
      await page.goto(`/tokens/${token.id}`);
      await page.getByRole("link", { name: "Make one like it" }).click();
      await expect(page.getByRole("combobox", { name: "API" })).toHaveValue("articles");
      await expect(page.getByRole("option", { name: "tokenreeve (to manage tokens)" })).toHaveCount(1);
      await page.getByRole("textbox", { name: "Name" }).fill(`twin${suffix}`);
      await page.getByRole("button", { name: "Make the token" }).click();
      expect(await call(await page.locator("#secret").innerText())).toBe(200);
    });

    test("a token is deleted by its name", async ({ page }) => {
      const { token, secret } = await makeToken("member", `deleted${suffix}`);
      await page.goto(`/tokens/${token.id}`);
      await page.getByRole("link", { name: "Delete" }).click();
      await page.getByRole("textbox").fill("something else");
      await page.getByRole("button", { name: "Delete for good" }).click();
      await expect(page.getByRole("alert")).toContainText("That is not the name of the token.");
      await expect(page.getByRole("textbox")).toHaveValue("something else");
      if (javaScriptEnabled) {
        await expect(page.getByRole("alert")).toBeFocused();
        await checkPage(page, "token-delete-mistyped");
      }
      await page.getByRole("textbox").fill(`deleted${suffix}`);
      await page.getByRole("button", { name: "Delete for good" }).click();
      await expect(page).toHaveURL(javaScriptEnabled ? "/tokens" : "/tokens?notice=token-deleted");
      await expect(notice(page, "The token is deleted.")).toBeVisible();
      await expect.poll(() => call(secret)).toBe(401);
      await page.goto(`/tokens/${token.id}`);
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("There is no such thing");
    });
  });
}

test("what a token asked for in vain is granted from its page", async ({ as }) => {
  const page = await as("member");
  const { token, secret } = await makeToken("member", "in vain", { type: "custom", grants: ["article.find", "comment.find"] });
  expect(await call(secret)).toBe(200);
  for (let n = 0; n < 3; n++) expect(await call(secret, "/api/articles/1", "DELETE")).toBe(403);
  const refused = section(page, "Refused: missing permissions");
  await expect(async () => {
    await page.goto(`/tokens/${token.id}`);
    await expect(refused).toContainText("asked for article.delete 3 times", { timeout: 100 });
  }).toPass();
  await expect(section(page, "Granted and never used")).toContainText("comment.find");
  await expect(section(page, "Settings")).toContainText("127.0.0.1");
  await page.getByText("Show by permission", { exact: true }).click();
  await expect(page.getByRole("table", { name: "Requests by permission" }).getByRole("row")).toHaveCount(3);
  await checkPage(page, "token-in-vain");
  await refused.getByRole("link", { name: "Grant article.delete" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page).toHaveURL(new RegExp(`/tokens/${token.id}`));
  await expect.poll(() => call(secret, "/api/articles/1", "DELETE")).toBe(200);
});

test("a form to regenerate that is sent again makes no other secret", async ({ as }) => {
  const page = await as("member");
  const { token } = await makeToken("member", "sent again");
  await page.goto(`/tokens/${token.id}/regenerate`);
  await page.getByLabel("At once").check();
  await page.getByRole("button", { name: "Regenerate" }).click();
  const secret = await page.locator("#secret").innerText();
  const again = await page.context().newPage(); // the form as it was, from another tab
  await again.goto(`/tokens/${token.id}/regenerate`);
  const version = Number(await again.locator("input[name=version]").inputValue());
  await again.locator("input[name=version]").evaluate((field: HTMLInputElement, version) => (field.value = String(version - 1)), version);
  await again.getByLabel("At once").check();
  await again.getByRole("button", { name: "Regenerate" }).click();
  await expect(again.getByRole("alert")).toContainText("Nothing was done just now");
  await checkPage(again, "token-regenerate-again");
  expect(await call(secret)).toBe(200);
});

test("by keyboard alone: to the new secret", async ({ as }) => {
  const page = await as("member");
  const { token } = await makeToken("member", "by keyboard");
  await page.goto(`/tokens/${token.id}/regenerate`);
  await page.getByLabel("At once").focus();
  await page.keyboard.press("ArrowDown");
  await expect(page.getByLabel("In 1 hour")).toBeChecked();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: "Regenerate" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.locator("#secret")).toBeVisible();
});

test("an auditor sees all and changes nothing", async ({ as }) => {
  const page = await as("auditor");
  await page.goto(`/tokens/${given.tokens.site.id}`);
  await expect(page.getByRole("link", { name: "Try it" }).last()).toBeVisible();
  for (const name of ["Edit", "Regenerate", "Delete"]) await expect(page.getByRole("link", { name, exact: true })).toHaveCount(0);
  await expect(page.getByRole("main").getByRole("button")).toHaveCount(0);
});

test("a member finds no token of others", async ({ as }) => {
  const page = await as("member");
  await page.goto(`/tokens/${given.tokens.site.id}`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("There is no such thing");
});
