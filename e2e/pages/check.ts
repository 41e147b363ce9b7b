import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, type Page } from "@playwright/test";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const screenshots = process.env.PAGES_SCREENSHOTS ?? join(import.meta.dirname, "screenshots");

// Every rule that axe has for pages of people, and that of the size of targets, which it leaves out.
const options = { resultTypes: ["violations"], rules: { "target-size": { enabled: true } } };

// Colours are the same on a phone.
const views = [
  { width: 1280, colorScheme: "light" },
  { width: 1280, colorScheme: "dark" },
  { width: 380, colorScheme: "light" },
] as const;

// checkPage looks at the present page in light and dark, on a desktop and on a
// phone: axe-core finds nothing, nothing makes the page scroll sideways. It leaves
// pictures under that name. The viewport is as before afterwards.
export async function checkPage(page: Page, name: string) {
  const before = page.viewportSize()!;
  for (const { width, colorScheme } of views) {
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(screenshots, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    expect.soft(await findings(page), `axe-core on ${name} at ${width} px, ${colorScheme}`).toEqual([]);
  }
  for (const width of [1280, 380, 320]) {
    await page.setViewportSize({ width, height: 800 });
    expect.soft(await tooWide(page), `wider than ${width} px on ${name}`).toEqual([]);
  }
  await page.setViewportSize(before);
  await page.emulateMedia({ colorScheme: null });
}

// glance is less than checkPage, for variants of pages that are checked elsewhere.
export async function glance(page: Page, name: string) {
  await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
  expect.soft(await findings(page), `axe-core on ${name}`).toEqual([]);
}

// findings is what axe-core finds, one line for each element.
export async function findings(page: Page): Promise<string[]> {
  if (!(await page.evaluate("typeof axe === 'object'"))) await page.evaluate(axe);
  const result: any = await page.evaluate(`axe.run(document, ${JSON.stringify(options)})`);
  return result.violations.flatMap((rule: any) =>
    rule.nodes.map((node: any) => `${rule.id}: ${rule.help}\n  ${node.html}\n  ${node.failureSummary}`),
  );
}

// tooWide names the elements that make the page scroll sideways.
export async function tooWide(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const wide = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > width + 0.5);
    return ["the page", ...wide.slice(0, 10).map((e) => `${e.tagName} ${e.className} ${e.id}: ${e.textContent?.trim().slice(0, 40)}`)];
  });
}
