import { defineConfig } from "@playwright/test";

import { given } from "./given.ts";

// Run by `go test ./e2e -run TestPages`, which starts a gateway for each spec.
export default defineConfig({
  workers: 1,
  retries: 0,
  forbidOnly: true,
  // A machine that runs all tests at once is slow now and then.
  timeout: 180_000,
  expect: { timeout: 60_000 },
  outputDir: process.env.PAGES_OUTPUT,
  reporter: "json",
  use: {
    baseURL: "http://" + given.address,
    viewport: { width: 1280, height: 800 },
    locale: "en-GB",
    timezoneId: "Asia/Kolkata",
    contextOptions: { reducedMotion: "reduce" },
    actionTimeout: 60_000,
    navigationTimeout: 60_000,
    launchOptions: {
      executablePath: process.env.PAGES_CHROMIUM,
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
    },
  },
});
