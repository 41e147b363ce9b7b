import { checkPage, expect, given, notice, rest, signIn, test } from "./fixtures.ts";

test("a wrong password says so and keeps the name", async ({ page }) => {
  await page.goto("/sign-in");
  await checkPage(page, "sign-in");
  await signIn(page, "member", "not this one");
  await expect(page.getByRole("alert")).toContainText("The name or the password is wrong");
  await expect(page.getByRole("alert")).toBeFocused();
  await expect(page.getByLabel("Name")).toHaveValue("member");
  await expect(page.getByLabel("Password")).toHaveValue("");
  await checkPage(page, "sign-in-refused");
});

test("somebody signs in and out by the keyboard alone", async ({ page }) => {
  await page.goto("/");
  await expect(page).toHaveURL("/sign-in");
  await expect(page.getByLabel("Name")).toBeFocused();
  await page.keyboard.type("member");
  await page.keyboard.press("Tab");
  await page.keyboard.type(given.password);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL("/tokens");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Tokens");

  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("main")).toBeFocused();
  const signOut = page.getByRole("button", { name: "Sign out" });
  while (!(await signOut.evaluate((button) => button === document.activeElement))) await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await expect(notice(page, "You are signed out.")).toBeVisible();
  await expect(page.getByLabel("Name")).toBeFocused();
  await expect(page.getByLabel("Name")).toHaveAccessibleDescription("You are signed out.");
  await page.goBack();
  await expect(page).toHaveURL(/\/sign-in/);
});

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with scripts" : "without scripts", () => {
    test.use({ javaScriptEnabled });

    test("signing in leads to where one wanted to go", async ({ page }) => {
      await page.goto("/tokens?status=active");
      await expect(page).toHaveURL("/sign-in?next=%2Ftokens%3Fstatus%3Dactive");
      await page.getByLabel("Name").fill("member");
      await page.getByLabel("Password").fill("not this one");
      await page.getByRole("button", { name: "Sign in" }).click();
      await expect(page.getByRole("alert")).toBeVisible();
      await page.getByLabel("Password").fill(given.password);
      await page.getByRole("button", { name: "Sign in" }).click();
      await expect(page).toHaveURL("/tokens?status=active");
      await page.goto("/sign-in?next=/tokens"); // nobody who is signed in is asked again
      await expect(page).toHaveURL("/tokens");
      await page.getByRole("button", { name: "Sign out" }).click();
      await expect(notice(page, "You are signed out.")).toBeVisible();
    });
  });
}

for (const next of ["//elsewhere.example/", "http://elsewhere.example/", "/\\elsewhere.example", "javascript:alert(1)", "elsewhere.example"]) {
  test(`signing in does not lead to ${next}`, async ({ as }) => {
    const page = await as("member");
    await page.goto("/sign-in?next=" + encodeURIComponent(next));
    await expect(page).toHaveURL("/tokens");
  });
}

test("who follows a link on another site is signed in", async ({ as, watch }) => {
  watch.allow(/^request to another origin: http:\/\/elsewhere\.example\/$/);
  const page = await as("member");
  const name = given.tokens.import.name;
  await page.route("http://elsewhere.example/", (route) =>
    route.fulfill({ contentType: "text/html", body: `<a href="http://${given.address}/tokens">tokens</a>` }),
  );
  await page.goto("http://elsewhere.example/");
  await page.getByRole("link").click();
  await expect(page.getByRole("link", { name })).toBeVisible();
});

test("who was signed out elsewhere signs in and goes on", async ({ page }) => {
  await signIn(page, "member");
  await page.goto("/tokens?status=active");
  const sessions = await rest("owner", "GET", "/sessions?account=member");
  await rest("owner", "DELETE", `/sessions/${sessions.items[0].id}`); // the newest
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(notice(page, "You were signed out meanwhile")).toBeVisible();
  await page.goto("/tokens?status=active");
  await expect(page).toHaveURL(/\/sign-in\?next=/);
});

test("a search of who was signed out elsewhere asks to sign in", async ({ page, watch }) => {
  watch.allow(/\/tokens\?.*: 401$/);
  await signIn(page, "member");
  const sessions = await rest("owner", "GET", "/sessions?account=member");
  await rest("owner", "DELETE", `/sessions/${sessions.items[0].id}`);
  await page.getByRole("searchbox").fill("import");
  await expect(page).toHaveURL(/\/sign-in/);
});

test("a form that another site sends is refused", async ({ as, watch }) => {
  watch.allow(/^request to another origin: http:\/\/elsewhere\.example\/$/);
  const page = await as("member");
  await page.route("http://elsewhere.example/", (route) =>
    route.fulfill({ contentType: "text/html", body: `<form method="post" action="http://${given.address}/sign-out"><button>win</button></form>` }),
  );
  await page.goto("http://elsewhere.example/");
  await page.getByRole("button").click();
  await expect(page.getByRole("heading")).toHaveText("Refused");
  await checkPage(page, "refused");
  await page.goto("/tokens");
  await expect(page).toHaveURL("/tokens");
});
