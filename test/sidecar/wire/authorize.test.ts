import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { requireLoopbackHost, requireIdentity } from "../../../sidecar/wire/authorize.ts";
import type { Headers } from "../../../sidecar/wire/message.ts";
import { thrown } from "../../support/thrown.ts";

const sha256 = (text: string): Buffer => createHash("sha256").update(text, "latin1").digest();
const of = (token: string) => ({ tokenSha256: sha256(token) });

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
  expect(() => requireIdentity({ authorization: "to-ken" }, [of("to-ken")])).not.toThrow();
});

test("takes a token of any bytes that a header may hold", () => {
  expect(() => requireIdentity({ authorization: "tök en" }, [of("tök en")])).not.toThrow();
});

test.each(["Bearer to-ken", "to-ke", "to-kenx", "TO-KEN", " to-ken", sha256("to-ken").toString("hex")])(
  "refuses %j",
  async (authorization) => {
    expect(await thrown(() => requireIdentity({ authorization }, [of("to-ken")]))).toMatchObject({
      code: "TOKEN_WRONG",
    });
  },
);

test.each([undefined, "", ["to-ken", "to-ken"]])("refuses a request with %j for a token", async (value) => {
  expect(await thrown(() => requireIdentity({ authorization: value }, [of("to-ken")]))).toMatchObject({
    code: "TOKEN_MISSING",
  });
});

test("tells whose token it is, among many, and knows no other", async () => {
  const identities = ["a", "b", "c"].map((token) => ({ ...of(token), name: token }));
  for (const token of ["a", "b", "c"]) {
    expect(requireIdentity({ authorization: token }, identities).name).toBe(token);
  }
  expect(await thrown(() => requireIdentity({ authorization: "d" }, identities))).toMatchObject({
    code: "TOKEN_WRONG",
  });
});
