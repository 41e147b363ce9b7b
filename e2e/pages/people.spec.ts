import { checkPage, expect, given, makeToken, notice, rest, signIn, test } from "./fixtures.ts";

test.describe("as owner", () => {
  test.use({ who: "owner" });

  test("accounts are made, changed and deleted", async ({ page, as }) => {
    test.slow(); // it looks at five pages
    await page.goto("/accounts");
    await checkPage(page, "accounts");
    await page.getByRole("link", { name: "New account" }).click();
    await checkPage(page, "account-new");

    await page.getByLabel("Name", { exact: true }).fill("No Name");
    await page.getByRole("radio", { name: /^member/ }).check();
    await page.getByLabel("Password optional").fill("words that are long");
    await page.getByRole("button", { name: "Make the account" }).click();
    await expect(page.getByRole("alert")).toBeFocused();
    await checkPage(page, "account-new-problems");
    await page.getByRole("link", { name: /Name: "no name" can't name/ }).click();
    await expect(page.getByLabel("Name", { exact: true })).toBeFocused();
    await page.getByLabel("Name", { exact: true }).fill("ann");
    await page.getByLabel("Password optional").fill("words that are long");
    await page.getByRole("button", { name: "Make the account" }).click();
    await expect(notice(page, "The account is made.")).toBeVisible();
    await makeToken("owner", "Of someone who left", { owner: "ann" });
    await page.goto("/accounts/ann");
    await expect(page.getByRole("link", { name: "1 token" })).toHaveAttribute("href", "/tokens?owner=ann");

    const hers = await as("visitor");
    await signIn(hers, "ann", "words that are long");
    await expect(hers.getByRole("link", { name: "Account ann" })).toBeVisible();
    await page.reload();
    await checkPage(page, "account");
    await page.getByRole("button", { name: /^End.*session on Chrome on Linux/ }).click();
    await expect(notice(page, "The session has ended.")).toBeVisible();
    await hers.goto("/account");
    await expect(hers).toHaveURL(/sign-in/);

    await page.getByRole("button", { name: "Disable" }).click();
    await expect(notice(page, "disabled")).toBeVisible();
    await page.getByRole("link", { name: "Delete …" }).click();
    await checkPage(page, "account-delete");
    await page.getByRole("radio", { name: "Delete them" }).check();
    await page.getByLabel("To delete them with the account, type ann").fill("an");
    await page.getByRole("button", { name: "Delete the account" }).click();
    await expect(page.getByRole("alert")).toContainText("That is not the name of the account.");
    await checkPage(page, "account-delete-mistyped");
    await page.getByRole("radio", { name: "Hand them over" }).check();
    await page.getByRole("button", { name: "Delete the account" }).click();
    await expect(page.getByRole("alert")).toContainText("choose who gets the tokens");
    await page.getByLabel("To", { exact: true }).selectOption("manager");
    await page.getByRole("button", { name: "Delete the account" }).click();
    await expect(notice(page, "The account is deleted.")).toBeVisible();
    const [left] = (await rest("owner", "GET", "/tokens?search=Of%20someone")).items;
    expect(left.owner).toBe("manager");
  });

  test("a smaller role shows the mightier tokens first", async ({ page }) => {
    await rest("owner", "POST", "/accounts", { name: "bob", role: "member" });
    const { token } = await makeToken("owner", "Bob's <b>mighty</b> one", { owner: "bob", type: "full-access" });
    await page.goto("/accounts/bob");
    await page.getByRole("radio", { name: /^readers/ }).check();
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.getByRole("heading", { level: 1 })).toContainText("bob has a token that may do more than the role readers");
    await checkPage(page, "overreach");
    await page.getByRole("button", { name: "Back to the form" }).click();
    await expect(page.getByRole("radio", { name: /^readers/ })).toBeChecked();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("radio", { name: "Disable them" }).check();
    await page.getByRole("button", { name: "Save" }).click();
    await expect(notice(page, "The account is saved.")).toBeVisible();
    expect((await rest("owner", "GET", "/tokens/" + token.id)).status).toBe("disabled");
  });

  test("who gets mightier tokens is told of", async ({ page }) => {
    await rest("owner", "POST", "/accounts", { name: "emil", role: "member" });
    await makeToken("owner", "Emil's", { owner: "emil", type: "full-access" });
    await page.goto("/accounts/emil/delete");
    await page.getByRole("radio", { name: "Hand them over" }).check();
    await page.getByLabel("To", { exact: true }).selectOption("reader");
    await page.getByRole("button", { name: "Delete the account" }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("The account emil is deleted");
    await expect(page.getByRole("row")).toHaveCount(2);
    await checkPage(page, "account-deleted");
    await page.getByRole("button", { name: "Disable them" }).click();
    await expect(page.getByRole("main")).toContainText("Emil's");
  });

  test("somebody else was quicker", async ({ page, as }) => {
    await rest("owner", "POST", "/accounts", { name: "carl", role: "member" });
    const other = await as("owner");
    for (const one of [page, other]) await one.goto("/accounts/carl");
    await other.getByRole("radio", { name: /^auditor/ }).check();
    await other.getByRole("button", { name: "Save" }).click();
    await page.getByRole("radio", { name: /^manager/ }).check();
    await page.getByLabel("Name at single sign-on").fill("typed");
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.getByRole("alert")).toContainText("Role: auditor");
    await expect(page.getByRole("alert")).toBeFocused();
    await checkPage(page, "account-conflict");
    await expect(page.getByLabel("Name at single sign-on")).toHaveValue("typed");
    await page.getByRole("button", { name: "Save" }).click();
    await expect(notice(page, "The account is saved.")).toBeVisible();
  });

  test("roles are made, changed and deleted", async ({ page }) => {
    test.slow(); // it looks at five pages
    await page.goto("/roles");
    await checkPage(page, "roles");
    await page.getByRole("link", { name: "New role" }).click();
    await checkPage(page, "role-new");
    await page.getByLabel("Name", { exact: true }).fill("shopkeepers");
    await page.getByRole("radiogroup", { name: "Create tokens" }).getByLabel("everybody's").check();
    await page.getByRole("group", { name: "APIs" }).getByLabel("only these:").check();
    await page.getByRole("group", { name: "APIs" }).getByLabel("shop").check();
    await page.getByLabel("Permissions").fill("order.find\nno.such");
    await page.getByRole("button", { name: "Make the role" }).click();
    await expect(page.getByRole("alert")).toContainText("reaches further than read");
    await checkPage(page, "role-new-problems");
    await expect(page.getByLabel("Permissions")).toHaveValue("order.find\nno.such");
    await page.getByRole("radiogroup", { name: "Create tokens" }).getByLabel("their own").check();
    await page.getByLabel("Permissions").fill("order.find");
    await page.getByRole("button", { name: "Make the role" }).click();
    await expect(notice(page, "The role is made")).toBeVisible();
    await checkPage(page, "role");
    await page.getByLabel("Read the audit trail").check();
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.getByText("See accounts and roles", { exact: true })).toBeVisible();
    await page.getByRole("button", { name: "Delete the role" }).click();
    await expect(notice(page, "The role is deleted.")).toBeVisible();
    await page.getByRole("link", { name: "member", exact: true }).click();
    await checkPage(page, "role-built-in");
  });

  test("all sessions are seen, and the last owner stays", async ({ page, watch }) => {
    watch.allow(/409/);
    await page.goto("/accounts");
    await page.getByRole("link", { name: "Who is signed in" }).click();
    await expect(page.getByText("this one")).toBeVisible();
    await checkPage(page, "sessions");
    await page.goto("/accounts/owner");
    await page.getByRole("radio", { name: /^member/ }).check();
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.getByRole("alert")).toContainText("This is the last owner who can sign in.");
    await page.getByRole("button", { name: "Disable" }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Somebody has to be owner");
  });
});

test.describe("as auditor", () => {
  test.use({ who: "auditor" });

  test("the audit trail is read, filtered and downloaded", async ({ page }) => {
    await page.goto("/audit");
    await page.getByText("Details").first().click();
    await checkPage(page, "audit");
    await page.getByLabel("What", { exact: true }).selectOption("token disabled");
    await page.getByLabel("From", { exact: true }).fill("2020-01-31");
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await expect(page).toHaveURL(/\?action=token\.disable&from=2020-01-31&zone=-330$/);
    await expect(page.getByRole("listitem").filter({ hasText: "disabled the token Disabled of API articles" })).toHaveCount(1);
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download as JSON lines" }).click()]);
    expect(download.suggestedFilename()).toBe("events.jsonl");
    await page.getByLabel("About", { exact: true }).fill("Disabled");
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await expect(page.getByRole("listitem").filter({ hasText: "disabled the token Disabled of API articles" })).toHaveCount(1);
    await page.getByLabel("Who", { exact: true }).fill("nobody at all");
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await expect(page.getByText("No entry matches. Names have to be complete.")).toBeVisible();
    await page.getByRole("link", { name: "Show all" }).click();
    await expect(page).toHaveURL(/audit$/);
  });

  test("on a phone the filter is folded until something is picked", async ({ page }) => {
    await page.setViewportSize({ width: 380, height: 800 });
    await page.goto("/audit");
    await expect(page.getByLabel("Who", { exact: true })).toBeHidden();
    await page.getByText("Filter", { exact: true }).click();
    await page.getByLabel("Who", { exact: true }).fill("owner");
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await expect(page).toHaveURL(/actor=owner/);
    await expect(page.getByLabel("Who", { exact: true })).toBeVisible();
    await page.getByText("Details").first().click();
    await checkPage(page, "audit-phone");
  });

  test("accounts and roles are read and not changed", async ({ page }) => {
    await page.goto("/accounts/member");
    await expect(page.getByRole("main").getByRole("button")).toHaveCount(0);
    await checkPage(page, "account-read");
    await page.goto("/roles/readers");
    await expect(page.getByRole("main").getByRole("button")).toHaveCount(0);
  });
});

test.describe("as member", () => {
  test("the own password is changed, and other sessions end", async ({ page, as }) => {
    await signIn(page, "member");
    const other = await as("visitor");
    await signIn(other, "member");
    await page.getByRole("link", { name: "Account member" }).click();
    await expect(page.getByText("See, create, change, regenerate and delete their own tokens")).toBeVisible();
    await expect(page.getByText("this one")).toHaveCount(1);
    await checkPage(page, "self");
    await expect(page.getByRole("navigation", { name: "Main" }).getByRole("link")).toHaveText(["Tokens", "Try it", "APIs"]);
    await page.getByLabel("Present password").fill("not this one");
    await page.getByLabel("New password").fill("another long sentence");
    await page.getByRole("button", { name: "Show the password" }).click();
    await expect(page.getByLabel("New password")).toHaveAttribute("type", "text");
    await page.getByRole("button", { name: "Change the password" }).click();
    await expect(page.getByRole("alert")).toContainText("This is not your present password.");
    await page.getByLabel("Present password").fill(given.password);
    await page.getByLabel("New password").fill("another long sentence");
    await page.getByRole("button", { name: "Change the password" }).click();
    await expect(notice(page, "your other sessions have ended")).toBeVisible();
    await other.goto("/account");
    await expect(other).toHaveURL(/sign-in/);
  });

  test("nobody else's pages are there", async ({ as }) => {
    for (const who of ["manager", "reader"] as const) {
      const page = await as(who);
      for (const [path, title] of [["/accounts", "You may not do this"], ["/roles", "You may not do this"], ["/audit", "You may not do this"], ["/accounts/owner", "There is no such thing"]]) {
        await page.goto(path);
        await expect(page.getByRole("heading", { level: 1 })).toHaveText(title);
      }
    }
  });
});

test("all of it works without scripts", async ({ as }) => {
  const page = await as("owner", { javaScriptEnabled: false });
  await page.goto("/accounts/new");
  await page.getByLabel("Name", { exact: true }).fill("dora");
  await page.getByRole("radio", { name: /^auditor/ }).check();
  await page.getByRole("button", { name: "Make the account" }).click();
  await expect(notice(page, "The account is made.")).toBeVisible();
  await page.getByRole("radio", { name: /^member/ }).check();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(notice(page, "The account is saved.")).toBeVisible();
  await page.getByRole("link", { name: "What was done to it" }).click();
  await expect(page.getByRole("listitem").filter({ hasText: "gave the account dora the role member" })).toHaveCount(1);
  await page.getByLabel("From", { exact: true }).fill("2020-01-31");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await expect(page.getByText("Days are those of UTC.")).toBeVisible();
});
