import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { requireLoopbackHost, requireToken, type Headers } from "../../sidecar/authorize.ts";
import { thrown } from "../support/thrown.ts";

const sha256 = (text: string): Buffer => createHash("sha256").update(text, "latin1").digest();

test.each(["127.0.0.1:16925", "127.0.0.1", "localhost:16925", "LOCALHOST", "localhost:1"])(
  "takes the host %s",
  (host) => {
    expect(() => requireLoopbackHost({ host })).not.toThrow();
  },
);

test.each([
  undefined,
  "",
  "evil.example",
  "127.0.0.1.evil.example",
  "evil.example:16925",
  "localhost.evil.example",
  "127.0.0.2",
  "10.0.0.1:16925",
  "[::1]:16925",
  "127.0.0.1:16925@evil.example",
  "127.0.0.1:",
  "127.0.0.1\n",
])("refuses the host %j, as a rebound name would bring it", async (host) => {
  expect(await thrown(() => requireLoopbackHost({ host }))).toMatchObject({ code: "HOST_REFUSED" });
});

test("refuses what a proxy passes on", async () => {
  const headers: Headers = { host: "127.0.0.1", "x-forwarded-for": "" };
  expect(await thrown(() => requireLoopbackHost(headers))).toMatchObject({ code: "PROXY_REFUSED" });
});

test("takes the token raw, as SDKs send it", () => {
  expect(() => requireToken({ authorization: "to-ken" }, sha256("to-ken"))).not.toThrow();
});

test("takes a token of any bytes that a header may hold", () => {
  expect(() => requireToken({ authorization: "tök en" }, sha256("tök en"))).not.toThrow();
});

test.each(["Bearer to-ken", "to-ke", "to-kenx", "TO-KEN", " to-ken", sha256("to-ken").toString("hex")])(
  "refuses %j",
  async (authorization) => {
    expect(await thrown(() => requireToken({ authorization }, sha256("to-ken")))).toMatchObject({
      code: "TOKEN_WRONG",
    });
  },
);

test.each([undefined, "", ["to-ken", "to-ken"]])("refuses a request with %j for a token", async (value) => {
  expect(await thrown(() => requireToken({ authorization: value }, sha256("to-ken")))).toMatchObject({
    code: "TOKEN_MISSING",
  });
});
