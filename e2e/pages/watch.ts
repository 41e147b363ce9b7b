import type { BrowserContext } from "@playwright/test";

// Watch collects what must never happen on a page: anything that the browser
// complains about, and any request that leaves the origin or fails.
export class Watch {
  readonly seen: string[] = [];
  private allowed: RegExp[] = [];

  constructor(private readonly origin: string) {}

  // allow lets a test expect what it provokes, such as /409/.
  allow(what: RegExp) {
    this.allowed.push(what);
  }

  // problems are what was seen and not allowed.
  problems(): string[] {
    return this.seen.filter((text) => !this.allowed.some((what) => what.test(text)));
  }

  async on(context: BrowserContext) {
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (e) => {
        console.error(`policy violation: ${e.effectiveDirective} ${e.blockedURI} ${e.sample}`);
      });
    });
    context.on("console", (message) => {
      // Answers are judged below: a form with a mistake in it is 422, and that is fine.
      if (["error", "warning"].includes(message.type()) && !message.text().startsWith("Failed to load resource")) {
        this.seen.push(`${message.page()?.url()}: console ${message.type()}: ${message.text()}`);
      }
    });
    context.on("weberror", (error) => this.seen.push(`${error.page()?.url()}: ${error.error().stack}`));
    context.on("request", (request) => {
      if (!request.url().startsWith(this.origin + "/")) this.seen.push(`request to another origin: ${request.url()}`);
    });
    context.on("requestfailed", (request) => {
      const problem = request.failure()?.errorText;
      // What is taken back, such as the last search or a download, is aborted.
      if (problem !== "net::ERR_ABORTED") this.seen.push(`request failed: ${request.url()}: ${problem}`);
    });
    context.on("response", (response) => {
      const most = response.request().isNavigationRequest() ? 500 : 400;
      if (response.status() >= most) this.seen.push(`${response.request().method()} ${response.url()}: ${response.status()}`);
    });
  }
}
