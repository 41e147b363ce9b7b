import { expect, findings, test, tooWide } from "./fixtures.ts";

// What the other specs rely on: that they would fail.

test.beforeEach(async ({ page, watch }) => {
  await page.goto("/sign-in");
  expect(watch.problems()).toEqual([]);
});

test.afterEach(({ watch }) => watch.allow(/./));

const faults: Record<string, [fault: () => unknown, says: string]> = {
  "an error on the console": [() => console.error("an error"), "console error: an error"],
  "a warning on the console": [() => console.warn("a warning"), "console warning: a warning"],
  "an uncaught error": [() => setTimeout(() => { throw new Error("uncaught"); }), "Error: uncaught"],
  "an inline script": [() => document.body.append(Object.assign(document.createElement("script"), { textContent: "0" })), "policy violation: script-src-elem inline"],
  "an inline style": [() => document.body.setAttribute("style", "color: red"), "policy violation: style-src-attr inline"],
  "an event handler": [() => document.body.setAttribute("onclick", "0"), "policy violation: script-src-attr inline"],
  "a picture from elsewhere": [() => document.body.append(Object.assign(new Image(), { src: "http://127.0.0.1:1/x.png", alt: "" })), "policy violation: img-src"],
  "a file that is not there": [() => fetch("/assets/none.js"), "/assets/none.js: 404"],
};

for (const [name, [fault, says]] of Object.entries(faults)) {
  test(`the watch sees ${name}`, async ({ page, watch }) => {
    await page.evaluate(fault);
    await expect.poll(() => watch.problems().join("\n")).toContain(says);
  });
}

test("the watch sees a page of another origin", async ({ page, watch }) => {
  await page.route("http://elsewhere.example/", (route) => route.fulfill({ body: "elsewhere" }));
  await page.goto("http://elsewhere.example/");
  expect(watch.problems().join("\n")).toContain("another origin");
});

test("checkPage sees what axe-core finds, in the dark too", async ({ page }) => {
  await page.evaluate(() => { document.querySelector("label")!.remove(); });
  expect((await findings(page)).join()).toContain("label");
  await page.reload();
  await page.emulateMedia({ colorScheme: "dark" });
  expect(await findings(page)).toEqual([]);
  await page.evaluate(() => { document.querySelector("h1")!.style.color = "#222"; });
  expect((await findings(page)).join()).toContain("color-contrast");
});

test("checkPage sees what is too wide", async ({ page }) => {
  await page.setViewportSize({ width: 380, height: 800 });
  expect(await tooWide(page)).toEqual([]);
  await page.evaluate(() => { document.querySelector("h1")!.textContent = "unbreakable"; document.querySelector("h1")!.style.width = "500px"; });
  expect((await tooWide(page)).join()).toContain("unbreakable");
});
