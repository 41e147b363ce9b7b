import { checkPage, expect, signIn, test } from "./fixtures.ts";

test("a wrong password says so and keeps the name", async ({ page }) => {
  await page.goto("/sign-in");
  await checkPage(page, "sign-in");
  await signIn(page, "member", "not this one");
  await expect(page.getByRole("alert")).toContainText("name or password is wrong");
  await expect(page.getByLabel("Name")).toHaveValue("member");
  await checkPage(page, "sign-in-refused");
});
