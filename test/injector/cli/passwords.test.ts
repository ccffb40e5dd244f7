import { expect, test } from "vitest";
import { podrole } from "../../support/cli.ts";

const FORMS = [
  "http://user:hunter2@proxy:3128",
  "https://hunter2@proxy",
  "http://user:hun@ter2@proxy:1",
  "user:hunter2@proxy:3128",
  "http://user:hun/ter2@proxy:3128",
  "http://user:hun ter2@h:1",
  "http:/user:hunter2@proxy",
  "http://user:hun'\nter2@proxy",
];

test.for(FORMS)("a proxy's URL that is refused is not repeated with its password: %j", async (url) => {
  const { code, stdout, stderr } = await podrole(["inject", "-f", "-", "--sts-proxy", url], "{}");
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/^CONFIG_INVALID: --sts-proxy must .+\n$/);
  expect(stderr).not.toMatch(/hunter2|ter2/);
});

test("user and password in a proxy's URL are sent to a Secret", async () => {
  const { stderr } = await podrole(["inject", "-f", "-", "--sts-proxy", "http://user:hunter2@proxy:3128"]);
  expect(stderr).toContain("stsProxySecret");
});

test.for(FORMS)("an option with a slip of the pen is named without its value: %j", async (url) => {
  const { code, stderr } = await podrole(["inject", "-f", "-", `--sts-prox=${url}`], "{}");
  expect(code).toBe(2);
  expect(stderr).toContain("unknown option '--sts-prox'");
  expect(stderr).not.toMatch(/hunter2|ter2/);
});
