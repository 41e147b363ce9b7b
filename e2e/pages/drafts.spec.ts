import { join } from "node:path";

import type { Page } from "@playwright/test";

import { checkPage, expect, given, glance, notice, rest, screenshots, test } from "./fixtures.ts";

// What changes about tokens of articles is a draft first, here alone.

const drafts = "/apis/articles/drafts";

// call asks the API with a secret, and returns the status of the answer.
async function call(secret: string, path = "/api/articles", method = "GET"): Promise<number> {
  const answer = await fetch(`http://${given.articles}${path}`, { method, headers: { Authorization: `Bearer ${secret}` } });
  await answer.body?.cancel();
  return answer.status;
}

const draftOf = (page: Page, name: string) => page.getByRole("region", { name, exact: true });

async function draftEdit(page: Page) {
  await page.goto(`/tokens/${given.tokens.import.id}/edit`);
  await page.getByLabel("Description").fill("Reads nothing any more, and writes what the press sends.");
  await page.getByRole("checkbox", { name: "article.find", exact: true }).uncheck();
  await page.getByRole("checkbox", { name: "article.delete", exact: true }).check();
  await page.getByRole("button", { name: "Save as a draft" }).click();
  await expect(notice(page, "Saved as a draft. It holds once the API is updated.")).toBeVisible();
}

async function draftDeletion(page: Page) {
  await page.goto(`/tokens/${given.tokens.forgotten.id}/delete`);
  await page.getByRole("button", { name: "Draft its deletion" }).click();
  await expect(notice(page, "Saved as a draft: the token is deleted")).toBeVisible();
}

async function draftSecret(page: Page) {
  await page.goto(`/tokens/${given.tokens.site.id}/regenerate`);
  await page.getByLabel("24 hours after the update").check();
  await page.getByRole("button", { name: "Regenerate" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("New secret");
}

async function draftToken(page: Page) {
  await page.goto("/tokens/new?api=articles");
  await page.getByLabel("Name").fill("Press agency");
  await page.getByRole("checkbox", { name: "article.create", exact: true }).check();
  await page.getByRole("button", { name: "Make a draft of it" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Your new token");
}

async function discardAll(page: Page) {
  await page.goto(drafts);
  const button = page.getByRole("button", { name: "Discard all …" });
  if ((await button.count()) === 0) return;
  await button.click();
  await page.getByRole("button", { name: /^Discard \d+ drafts?$/ }).click();
  await expect(notice(page, "All drafts are discarded.")).toBeVisible();
}

async function update(page: Page) {
  await page.goto(drafts);
  await page.getByRole("button", { name: "Update the API …" }).click();
  await page.getByRole("button", { name: "Update", exact: true }).click();
  await expect(notice(page, "Updated.")).toBeVisible();
}

test.describe("drafts", () => {
  test.use({ who: "owner" });
  test.afterEach(async ({ page }) => discardAll(page));

  test("are none at first", async ({ page }) => {
    await page.goto("/apis/articles");
    await checkPage(page, "drafts-api");
    await page.getByRole("link", { name: "See the drafts" }).click();
    await expect(page.getByRole("heading", { name: "No drafts" })).toBeVisible();
    await checkPage(page, "drafts-none");
  });

  test("are what the form of a token saves", async ({ page }) => {
    await page.goto(`/tokens/${given.tokens.import.id}/edit`);
    await checkPage(page, "drafts-edit");
    await draftEdit(page);
    await expect(notice(page, "Saved as a draft. It holds once the API is updated.")).toBeVisible();
    await expect(page.getByRole("region", { name: "What it may do" })).not.toContainText("DELETE");
    await checkPage(page, "drafts-token");
    await page.getByRole("link", { name: "Edit", exact: true }).click();
    await expect(page.getByText("The form begins with what is drafted.")).toBeVisible();
    await expect(page.getByRole("checkbox", { name: "article.delete", exact: true })).toBeChecked();
  });

  test("are also deletions", async ({ page }) => {
    await page.goto(`/tokens/${given.tokens.forgotten.id}/delete`);
    await checkPage(page, "drafts-delete");
    await draftDeletion(page);
    await checkPage(page, "drafts-token-deleted");
  });

  test("are also new secrets", async ({ page }) => {
    await page.goto(`/tokens/${given.tokens.site.id}/regenerate`);
    await checkPage(page, "drafts-regenerate");
    await draftSecret(page);
    await expect(page.getByText("This secret is a draft.")).toBeVisible();
    expect(await call(await page.locator("#secret").innerText())).toBe(401);
    expect(await call(given.tokens.site.secret)).toBe(200);
  });

  test("are also new tokens", async ({ page }) => {
    await page.goto("/tokens/new?api=articles");
    await checkPage(page, "drafts-new");
    await draftToken(page);
    await expect(page.getByText("so its secret is refused until API articles is updated")).toBeVisible();
    await checkPage(page, "drafts-secret");
    await page.getByRole("link", { name: "Done, go to the drafts" }).click();
    await expect(draftOf(page, "Press agency")).toContainText("nobody has used it yet");
  });

  test("say what they change, and what would be answered otherwise", async ({ page, as }) => {
    for (const draft of [draftEdit, draftDeletion, draftSecret, draftToken]) await draft(page);
    await page.goto(drafts);
    await expect(page.getByRole("heading", { name: "1 new token, 2 changed, 1 to be deleted" })).toBeVisible();
    const changed = draftOf(page, given.tokens.import.name);
    await expect(changed).toContainText("− article.find");
    await expect(changed).toContainText("+ article.delete");
    await expect(changed).toContainText(/\d+ requests with article\.find that were allowed would be refused\./);
    await expect(changed).toContainText(/\d+ requests with article\.delete that were refused would be allowed\./);
    await expect(draftOf(page, given.tokens.site.name)).toContainText("and the old ones for 1 day after it");
    await checkPage(page, "drafts");
    const reader = await as("owner", { viewport: { width: 1280, height: 900 }, deviceScaleFactor: 0.66 }); // scripts/pictures takes this one
    await reader.goto(drafts);
    await reader.screenshot({ path: join(process.env.PAGES_PICTURES ?? screenshots, "drafts.png"), fullPage: true });
    await page.getByRole("link", { name: "90 days" }).click();
    await expect(page.getByText("Of the requests of the last 90 days:")).toBeVisible();
    await expect(draftOf(page, given.tokens.forgotten.name)).toContainText("No request of the last 90 days");
    await page.getByRole("button", { name: "Update the API …" }).click();
    await expect(page.getByText("4 drafts will be in force")).toBeVisible();
    await checkPage(page, "drafts-update");
    await page.getByRole("link", { name: "Cancel" }).click();
    await expect(page).toHaveURL(drafts);
  });

  test("are told of wherever their tokens and their API are", async ({ page }) => {
    for (const draft of [draftEdit, draftDeletion]) await draft(page);
    await page.goto("/tokens");
    await expect(page.getByText("articles: 2 changes are drafts and don't hold yet.")).toBeVisible();
    await expect(page.getByRole("row").filter({ hasText: given.tokens.import.name })).toContainText("draft");
    await checkPage(page, "drafts-list");
    await page.goto("/apis");
    await checkPage(page, "drafts-apis");
    await page.getByRole("link", { name: "2 drafts articles" }).click();
    await expect(page).toHaveURL(drafts);
  });

  test("are discarded one by one, by keyboard alone", async ({ page }) => {
    await page.goto(`/tokens/${given.tokens.ending.id}`);
    await page.getByRole("button", { name: "Disable", exact: true }).press("Enter");
    await page.getByRole("link", { name: "See the draft", exact: true }).press("Enter");
    await expect(page).toHaveURL(`${drafts}#draft-${given.tokens.ending.id}`);
    await page.getByRole("link", { name: "Discard the draft of Ends soon" }).press("Enter");
    await checkPage(page, "drafts-discard");
    await page.getByRole("button", { name: "Discard" }).press("Enter");
    await expect(notice(page, "The draft is discarded.")).toBeVisible();
    expect(await call(given.tokens.ending.secret)).toBe(200);
  });

  test("are asked about again if they changed meanwhile", async ({ page, as }) => {
    await page.goto(`/tokens/${given.tokens.ending.id}`);
    await page.getByRole("button", { name: "Disable", exact: true }).click();
    await page.goto(drafts);
    await page.getByRole("button", { name: "Update the API …" }).click();

    const other = await as("manager");
    await other.goto(`/tokens/${given.tokens.site.id}`);
    await other.getByRole("button", { name: "Disable", exact: true }).click();

    await page.getByRole("button", { name: "Update", exact: true }).click();
    await expect(page.getByRole("alert")).toContainText("The drafts changed meanwhile");
    await expect(page.getByRole("alert")).toBeFocused();
    await expect(draftOf(page, given.tokens.site.name)).toContainText("Enabled");
    await checkPage(page, "drafts-meanwhile");
    expect(await call(given.tokens.ending.secret)).toBe(200);
  });

  test("that can't be put in force are told, and nothing is", async ({ page }) => {
    await rest("owner", "POST", "/accounts", { name: "leaver", role: "member", password: given.password });
    await page.goto("/tokens/new?api=articles");
    await page.getByLabel("Name").fill("Of a leaver");
    await page.getByLabel("Owner").selectOption("leaver");
    await page.getByLabel("Read-only").check();
    await page.getByRole("button", { name: "Make a draft of it" }).click();
    await page.goto(`/tokens/${given.tokens.ending.id}`);
    await page.getByRole("button", { name: "Disable", exact: true }).click();
    await page.goto("/accounts/leaver");
    await page.getByRole("button", { name: "Disable" }).click();
    await expect(notice(page, "disabled")).toBeVisible();
    await page.goto(drafts);
    await page.getByRole("button", { name: "Update the API …" }).click();
    await page.getByRole("button", { name: "Update", exact: true }).click();
    await expect(page.getByRole("alert")).toContainText("The API was not updated.");
    await expect(draftOf(page, "Of a leaver").locator(".problem")).toContainText("Owner");
    await checkPage(page, "drafts-refused");
    await page.getByRole("alert").getByRole("link").click();
    await expect(draftOf(page, "Of a leaver")).toBeInViewport();
    expect(await call(given.tokens.ending.secret)).toBe(200);
  });

  test("of several tokens are made in the table", async ({ page }) => {
    await page.goto("/tokens");
    for (const key of ["site", "shop"]) await page.getByRole("checkbox", { name: `Select ${given.tokens[key].name}`, exact: true }).check();
    await page.getByRole("button", { name: "Disable" }).click();
    await expect(page.getByRole("row").filter({ hasText: "Web site" })).toContainText("will be a draft");
    await checkPage(page, "drafts-selected");
    await page.getByRole("button", { name: "Disable 2 tokens" }).click();
    await expect(page.getByRole("row").filter({ hasText: "Web site" })).toContainText("drafted");
    await glance(page, "drafts-selected-done");
    expect(await call(given.tokens.site.secret)).toBe(200);
  });

  test("don't hold up who has to disable a token now", async ({ page }) => {
    const { id, secret } = given.tokens.unicode;
    expect(await call(secret)).toBe(200);
    await page.goto(`/tokens/${id}`);
    await checkPage(page, "drafts-staged-token");
    await page.getByRole("button", { name: "Disable now" }).click();
    await expect(notice(page, "no draft enables it again")).toBeVisible();
    await expect.poll(() => call(secret)).toBe(401);
  });
});

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with scripts" : "without scripts", () => {
    test.use({ who: "manager", javaScriptEnabled });

    test("a new token works once its API is updated", async ({ page }) => {
      await page.goto("/tokens/new?api=articles");
      await page.getByLabel("Name").fill(`Drafted, scripts ${javaScriptEnabled}`);
      await page.getByLabel("Read-only").check();
      await page.getByRole("button", { name: "Make a draft of it" }).click();
      const secret = await page.locator("#secret").innerText();
      expect(await call(secret)).toBe(401);
      await page.goto(drafts);
      await page.getByRole("link", { name: `Drafted, scripts ${javaScriptEnabled}` }).first().click();
      await expect(page.getByText("This token is a draft")).toBeVisible();
      if (javaScriptEnabled) await checkPage(page, "drafts-new-token");
      expect(await call(secret)).toBe(401);
      await update(page);
      await expect.poll(() => call(secret)).toBe(200);
    });
  });
}

test("who may not put drafts in force is told so", async ({ as }) => {
  const manager = await as("manager");
  await manager.goto(`/tokens/${given.tokens.site.id}`);
  await manager.getByRole("button", { name: "Disable", exact: true }).click();
  const auditor = await as("auditor");
  await auditor.goto(drafts);
  await expect(auditor.getByText("Your role auditor can't put drafts in force.")).toBeVisible();
  await expect(auditor.getByRole("button", { name: "Update the API …" })).toHaveCount(0);
  await glance(auditor, "drafts-auditor");
  const member = await as("member");
  await member.goto(drafts);
  await expect(member.getByText("all of them of tokens that you may not see")).toBeVisible();
  await glance(member, "drafts-member");
  await discardAll(manager);
});

test("the form of a new token says whether it will be a draft, for the API that is chosen", async ({ as }) => {
  const page = await as("owner");
  await page.goto("/tokens/new?api=shop");
  await expect(page.getByRole("button", { name: "Make the token" })).toBeVisible();
  await page.getByLabel("API", { exact: true }).selectOption("articles");
  await expect(page.getByText("What you save here is a draft first.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Make a draft of it" })).toBeVisible();
  await page.getByLabel("API", { exact: true }).selectOption("shop");
  await expect(page.getByRole("button", { name: "Make the token" })).toBeVisible();
  await expect(page.getByText("What you save here is a draft first.")).toHaveCount(0);
});
