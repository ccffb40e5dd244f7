import { pathToFileURL } from "node:url";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import { executableOnPath } from "./executable.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const program = NAMES.map((name) => executableOnPath(name)).find((path) => path !== undefined);

/** Of a test's title: why it is skipped; empty where there is a Chromium. */
export const noChromium = program === undefined ? " (skipped: no chromium)" : "";

/** No name is looked up, so that neither a page nor the browser itself reaches another machine. */
const NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1";

/** A headless Chromium without a sandbox of its own, which root cannot have. */
export const openBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: program ?? "", args: ["--no-sandbox", NO_NETWORK] });

/** A page, and what it did that a page on its own must not. */
export interface WatchedPage {
  readonly page: Page;
  /** URLs that were asked for, but the page's own; also those that the Content-Security-Policy refused. */
  readonly requests: readonly string[];
  /** Errors of scripts, and what the console shows as an error: also what the Content-Security-Policy refused. */
  readonly errors: readonly string[];
  /** Dialogs that were opened. */
  readonly dialogs: readonly string[];
}

/** Opens a file in a new window. */
export async function openFile(
  browser: Browser,
  file: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const own = pathToFileURL(file).href;
  const [requests, errors, dialogs]: [string[], string[], string[]] = [[], [], []];
  page.on("request", (request) => void (request.url() === own || requests.push(request.url())));
  page.on("pageerror", (error) => void errors.push(error.message));
  page.on("console", (message) => void (message.type() === "error" && errors.push(message.text())));
  page.on("dialog", (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  await page.goto(own);
  return { page, requests, errors, dialogs };
}
