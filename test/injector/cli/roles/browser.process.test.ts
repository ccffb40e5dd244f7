import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { noChromium, openBrowser, openFile } from "../../../support/browser.ts";
import { tempFile } from "../../../support/temp-files.ts";

let browser: Browser | undefined;
beforeAll(async () => {
  if (noChromium === "") browser = await openBrowser();
});
afterAll(() => browser?.close());

const pageWith = (policy: string): string =>
  `<!doctype html><meta http-equiv="Content-Security-Policy" content="${policy}">
<img src="https://one.invalid/pixel.png"><script>fetch("https://two.invalid/").catch(() => {}); alert("here"); throw new Error("thrown")</script>`;

/** Without it, tests that a page does none of this could not fail. */
test.skipIf(noChromium !== "")(
  `the tests' browser sees requests, errors and dialogs of a page${noChromium}`,
  async () => {
    if (browser === undefined) return;
    const free = await openFile(browser, tempFile(pageWith("connect-src *"), "free.html"));
    expect(free.requests.toSorted()).toEqual(["https://one.invalid/pixel.png", "https://two.invalid/"]);
    expect(free.dialogs).toEqual(["here"]);
    expect(free.errors).toContain("thrown");

    const strict = await openFile(browser, tempFile(pageWith("default-src 'none'"), "strict.html"));
    expect(strict.dialogs).toEqual([]);
    expect(strict.errors.join("\n")).toMatch(/img-src|default-src/);
    expect(strict.errors.join("\n")).toMatch(/inline script/);
  },
);
