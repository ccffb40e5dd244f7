import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pageAssets, type Assets } from "../../../../injector/cli/roles/html/assets.ts";
import { pageHtml } from "../../../../injector/cli/roles/html/page.ts";
import type { Report } from "../../../../injector/cli/roles/report.ts";
import { noChromium, openBrowser, openFile } from "../../../support/browser.ts";
import { podrole } from "../../../support/cli.ts";
import { largeCluster, smallCluster } from "../../../support/role-cluster.ts";
import { reportOf, withSessions } from "../../../support/role-report.ts";
import { tempFile, tempFolder } from "../../../support/temp-files.ts";
import { hostileReport, HOSTILE } from "./hostile.ts";

interface Contrast {
  readonly text: string;
  readonly contrast: number;
}

const CONTRASTS = readFileSync(new URL("contrasts.js", import.meta.url), "utf8");
const IMAGES = fileURLToPath(new URL("../../../../deploy/docs/images/", import.meta.url));

describe.skipIf(noChromium !== "")(`the page of podrole roles --html in a browser${noChromium}`, () => {
  let browser: Browser;
  let assets: Assets;
  beforeAll(async () => {
    [browser, assets] = await Promise.all([openBrowser(), pageAssets()]);
  });
  afterAll(() => browser?.close());

  const open = (report: Report, options: BrowserContextOptions = {}) =>
    openFile(browser, tempFile(pageHtml(report, assets), "roles.html"), options);

  const column = (page: Page, table: string, index: number): Promise<string[]> =>
    page.locator(`#${table} tbody tr td:nth-child(${index})`).allTextContents();
  const boxes = (page: Page): Promise<string[]> =>
    page.locator("#drawing .box").evaluateAll((all) => all.map((one) => one.getAttribute("data-id") ?? ""));
  const count = (page: Page, selector: string): Promise<number> => page.locator(selector).count();

  test("is written by the command, for its owner alone, and not over another file", async () => {
    const file = join(tempFolder(), "roles.html");
    const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: smallCluster() });
    const args = ["roles", "-f", "-", "--html", file];
    expect(await podrole(args, input)).toMatchObject({ code: 1, stdout: "" });
    expect(await podrole(args, input)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^FILE_EXISTS: /),
    });
    expect(await podrole([...args, "--force"], input)).toMatchObject({ code: 1 });
    const { page, requests, errors } = await openFile(browser, file);
    expect(await column(page, "pods", 3)).toEqual(["report-28", "till-0"]);
    expect([requests, errors]).toEqual([[], []]);
  });

  test("asks nobody for anything, and logs no error", async () => {
    const seen = await open(withSessions(reportOf(largeCluster(170))));
    await seen.page.locator("#words").fill("billing");
    await seen.page.locator("#pods th button").first().click();
    await seen.page.waitForTimeout(300);
    expect([seen.requests, seen.errors, seen.dialogs]).toEqual([[], [], []]);
  });

  test("lets no script run that is not its own, even if one came into it", async () => {
    const smuggled = `<script>alert("in")</script><img src="https://far.invalid/x.png" onerror="alert('attribute')">`;
    const text = pageHtml(reportOf(smallCluster()), assets).replace("<main>", `<main>${smuggled}`);
    const { page, dialogs, errors } = await openFile(browser, tempFile(text, "roles.html"));
    expect(await column(page, "pods", 3)).toEqual(["report-28", "till-0"]);
    expect(dialogs).toEqual([]);
    expect(errors.join("\n")).toMatch(/inline script violates[^]*far\.invalid/);
  });

  test("shows hostile names as text", async () => {
    const { page, requests, errors, dialogs } = await open(hostileReport());
    expect([requests, errors, dialogs]).toEqual([[], [], []]);
    for (const text of HOSTILE.shown) expect(await page.locator("main").textContent()).toContain(text);
    expect(await count(page, "main img, main script, main iframe")).toBe(0);
    await page.locator("#drawing .box").first().click();
    expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
    expect([requests, errors, dialogs]).toEqual([[], [], []]);
  });

  test("sorts a table by a column, and the other way at the second click", async () => {
    const { page } = await open(withSessions(reportOf(largeCluster(60))));
    const head = page.locator("#pods th", { hasText: "Pod" });
    await head.getByRole("button").click();
    const up = await column(page, "pods", 3);
    expect(up).toEqual([...up].sort((a, b) => a.localeCompare(b, "en", { numeric: true })));
    expect(await head.getAttribute("aria-sort")).toBe("ascending");
    await head.getByRole("button").click();
    expect(await column(page, "pods", 3)).toEqual(up.toReversed());
    expect(await head.getAttribute("aria-sort")).toBe("descending");
    await page.locator("#tabs button", { hasText: "Roles" }).click();
    await page.locator("#roles th", { hasText: "Pods" }).getByRole("button").click();
    const pods = (await column(page, "roles", 2)).map(Number);
    expect(pods).toEqual([...pods].sort((a, b) => a - b));
  });

  test("sorts sessions by when they end, and pods without one last", async () => {
    const { page } = await open(withSessions(reportOf(largeCluster(100))));
    await page.locator("#pods th", { hasText: "Session" }).getByRole("button").click();
    const minutes = (await column(page, "pods", 8)).map((text) =>
      Number(/^(\d+)m left/.exec(text)?.[1] ?? Infinity),
    );
    expect(minutes).toEqual([...minutes].sort((a, b) => a - b));
    expect(minutes.at(-1)).toBe(Infinity);
  });

  test("filters all tables and the picture by words and by state", async () => {
    const { page } = await open(reportOf(largeCluster(170)));
    await page.locator("#words").fill("billing LOG-shipper");
    await expect.poll(() => count(page, '#drawing .box[data-id^="n/"]')).toBe(1);
    const found = await column(page, "pods", 4);
    expect(found.length).toBeGreaterThan(0);
    expect(new Set(found)).toEqual(new Set(["arn:aws:iam::111122223333:role/log-shipper"]));
    expect(new Set(await column(page, "pods", 1))).toEqual(new Set(["billing"]));
    expect((await boxes(page))[0]).toBe("n/billing");
    expect(await page.locator("#tabs button").first().textContent()).toMatch(
      new RegExp(`${found.length} of \\d+$`),
    );
    await page.locator("#words").fill("");
    await page.locator("#state").selectOption("gone");
    await expect.poll(() => column(page, "pods", 7)).toEqual([expect.stringContaining("rule gone")]);
    await page.locator("#words").fill("no such word");
    await expect.poll(() => page.locator("#pods .more").textContent()).toBe("No row is like that.");
    expect(await page.locator("#picture").isHidden()).toBe(true);
  });

  test("leads from what stands out to its rows", async () => {
    const { page } = await open(reportOf(largeCluster(170)));
    await page.locator("#standout-unguarded").click();
    expect(await page.locator("#plain").isVisible()).toBe(true);
    expect(await page.locator("#pods").isVisible()).toBe(false);
    await expect.poll(() => column(page, "plain", 4)).toEqual(["no guard"]);
    await page.locator("#standout-gone").click();
    await expect.poll(() => column(page, "pods", 7)).toEqual([expect.stringContaining("rule gone")]);
  });

  test("draws each namespace, service account and role once, and each way between them", async () => {
    const report = reportOf(largeCluster(100));
    const { page } = await open(report);
    const [spaces, accounts, roles, first, second] = Array.from({ length: 5 }, () => new Set<string>());
    for (const { namespace, serviceAccount, role } of report.rows) {
      spaces?.add(`n/${namespace}`);
      accounts?.add(`a/${namespace}/${serviceAccount}`);
      roles?.add(`r/${role}`);
      first?.add(`${namespace} ${serviceAccount}`);
      second?.add(`${namespace} ${serviceAccount} ${role}`);
    }
    const drawn = await boxes(page);
    expect(new Set(drawn)).toEqual(new Set([...(spaces ?? []), ...(accounts ?? []), ...(roles ?? [])]));
    expect(drawn).toHaveLength(new Set(drawn).size);
    expect(await count(page, "#drawing .ribbon")).toBe((first?.size ?? 0) + (second?.size ?? 0));
    const pods = await page.locator('#drawing .box[data-id^="r/"] .pods').allTextContents();
    expect(pods.reduce((sum, text) => sum + Number(text), 0)).toBe(report.rows.length);
    expect(await count(page, "#drawing .box.gone")).toBe(3);
  });

  test("narrows tables and picture to a box that is picked, and takes it off again", async () => {
    const { page } = await open(reportOf(smallCluster()));
    await page.locator('#drawing .box[data-id="a/shop/till"]').click();
    expect(await column(page, "pods", 3)).toEqual(["till-0"]);
    expect(await boxes(page)).toEqual([
      "n/shop",
      "a/shop/till",
      "r/arn:aws:iam::111122223333:role/till-reader",
    ]);
    await page.locator("#chips button").click();
    expect(await column(page, "pods", 3)).toEqual(["report-28", "till-0"]);
  });

  test("is used by keys alone", async () => {
    const { page } = await open(reportOf(smallCluster()));
    await page.locator("#state").focus();
    await page.keyboard.press("Tab");
    const focused = () => page.evaluate("document.activeElement.getAttribute('data-id')");
    expect(await focused()).toBe("n/shop");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowDown");
    expect(await focused()).toBe("a/shop/web");
    await page.keyboard.press("Enter");
    expect(await column(page, "pods", 3)).toEqual(["report-28"]);
    expect(await focused()).toBe("a/shop/web");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect(await page.locator("#roles").isVisible()).toBe(true);
  });

  test("stays small with 2,000 pods: the picture puts the rest together, and more rows come when asked for", async () => {
    const report = reportOf(largeCluster(2000));
    const { page, errors } = await open(report);
    expect(await column(page, "pods", 1)).toHaveLength(100);
    for (const kind of ["n", "a", "r"]) {
      const selector = `#drawing .box[data-id="${kind}"], #drawing .box[data-id^="${kind}/"]`;
      expect(await count(page, selector)).toBeLessThanOrEqual(30);
      const pods = await page.locator(selector).locator(".pods").allTextContents();
      expect(pods.reduce((sum, text) => sum + Number(text), 0)).toBe(report.rows.length);
    }
    expect(await page.locator("#drawing").textContent()).toMatch(/\d+ more namespaces[^]*\d+ more roles/);
    // The worst rows come first, and the picture has them all.
    expect((await column(page, "pods", 7)).slice(0, 6).every((text) => text.startsWith("rule gone"))).toBe(
      true,
    );
    expect(await count(page, '#drawing .box.gone[data-id^="r/"]')).toBe(6);
    await page.locator("#pods .more button").click();
    expect(await column(page, "pods", 1)).toHaveLength(600);
    await page.locator("#picture-about button").click();
    expect(await count(page, '#drawing .box[data-id^="n/"]')).toBe(
      new Set(report.rows.map((row) => row.namespace)).size,
    );
    expect(errors).toEqual([]);
  });

  test("is a page of tables with all rows where no script runs", async () => {
    const report = reportOf(largeCluster(170));
    const { page } = await open(report, { javaScriptEnabled: false });
    expect(await count(page, "#pods tbody tr")).toBe(report.rows.length);
    for (const id of ["pods", "roles", "plain", "reach"])
      expect(await page.locator(`#${id} table`).isVisible()).toBe(true);
    for (const id of ["filter", "picture", "tabs"])
      expect(await page.locator(`#${id}`).isVisible()).toBe(false);
  });

  test("prints every row of every table, and no controls", async () => {
    const report = reportOf(largeCluster(170));
    const { page } = await open(report);
    await page.emulateMedia({ media: "print" });
    await page.evaluate("dispatchEvent(new Event('beforeprint'))");
    expect(await count(page, "#pods tbody tr")).toBe(report.rows.length);
    for (const id of ["pods", "roles", "plain", "reach"])
      expect(await page.locator(`#${id}`).isVisible()).toBe(true);
    expect(await page.locator("#filter").isVisible()).toBe(false);
    await page.evaluate("dispatchEvent(new Event('afterprint'))");
    expect(await count(page, "#pods tbody tr")).toBe(100);
  });

  test.for([
    [1280, 900],
    [390, 844],
  ] as const)("fits a window of %d pixels: only its parts are scrolled sideways", async ([width, height]) => {
    const { page } = await open(withSessions(reportOf(largeCluster(170))), { viewport: { width, height } });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
    for (const name of ["Roles", "Pods without a role", "What could be taken"]) {
      await page.locator("#tabs button", { hasText: name }).click();
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
    }
  });

  test.for(["light", "dark"] as const)(
    "has text that can be read in %s: a contrast of 4.5 at least",
    async (colorScheme) => {
      const { page } = await open(reportOf(largeCluster(120)), { colorScheme });
      const contrasts = await page.evaluate<Contrast[]>(CONTRASTS);
      expect(contrasts.filter(({ contrast }) => contrast < 4.5)).toEqual([]);
      expect(contrasts.length).toBeGreaterThan(50);
    },
  );

  test.runIf(process.env["PODROLE_SCREENSHOTS"] !== undefined)("is in the docs as a picture", async () => {
    const report = withSessions(reportOf(largeCluster(120)));
    const { page } = await open(report, { viewport: { width: 1280, height: 1330 }, colorScheme: "light" });
    mkdirSync(IMAGES, { recursive: true });
    const picture = await page.screenshot();
    writeFileSync(join(IMAGES, "roles.png"), picture);
    expect(picture.length).toBeLessThan(300 * 1024);
  });
});
