import { expect, test } from "vitest";
import { podrole } from "../../support/cli.ts";

test.for(["http://user:hunter2@proxy:3128", "https://hunter2@proxy", "http://user:hun@ter2@proxy:1"])(
  "a proxy's URL that is refused is not repeated with its password: %s",
  async (url) => {
    const { code, stdout, stderr } = await podrole(["inject", "-f", "-", "--sts-proxy", url], "{}");
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("stsProxySecret");
    expect(stderr).not.toMatch(/hunter2|ter2/);
  },
);
