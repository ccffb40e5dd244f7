import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { requireLoopbackHost, requireIdentity } from "../../../sidecar/wire/authorize.ts";
import type { Headers } from "../../../sidecar/wire/message.ts";
import { thrown } from "../../support/thrown.ts";

const sha256 = (text: string): Buffer => createHash("sha256").update(text, "latin1").digest();
const of = (token: string) => ({ tokenSha256: sha256(token) });

test.each(["127.0.0.1:16925", "127.0.0.1", "localhost:16925", "LOCALHOST", "localhost:1"])(
  "a request with the host %s is accepted",
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
])("a request with the host %j is refused, as a rebound name would bring it", async (host) => {
  expect(await thrown(() => requireLoopbackHost({ host }))).toMatchObject({ code: "HOST_REFUSED" });
});

test("a request through a proxy is refused", async () => {
  const headers: Headers = { host: "127.0.0.1", "x-forwarded-for": "" };
  expect(await thrown(() => requireLoopbackHost(headers))).toMatchObject({ code: "PROXY_REFUSED" });
});

test("a request with the raw token is accepted, as SDKs send it", () => {
  expect(() => requireIdentity({ authorization: "to-ken" }, [of("to-ken")])).not.toThrow();
});

test("a request with a token of any bytes that a header may have is accepted", () => {
  expect(() => requireIdentity({ authorization: "tök en" }, [of("tök en")])).not.toThrow();
});

test.each(["Bearer to-ken", "to-ke", "to-kenx", "TO-KEN", " to-ken", sha256("to-ken").toString("hex")])(
  "a request with the token %j is refused",
  async (authorization) => {
    expect(await thrown(() => requireIdentity({ authorization }, [of("to-ken")]))).toMatchObject({
      code: "TOKEN_WRONG",
    });
  },
);

test.each([undefined, "", ["to-ken", "to-ken"]])(
  "a request with %j for a token is refused",
  async (value) => {
    expect(await thrown(() => requireIdentity({ authorization: value }, [of("to-ken")]))).toMatchObject({
      code: "TOKEN_MISSING",
    });
  },
);

test("a token is matched with its identity among many, and with no other", async () => {
  const identities = ["a", "b", "c"].map((token) => ({ ...of(token), name: token }));
  for (const token of ["a", "b", "c"]) {
    expect(requireIdentity({ authorization: token }, identities).name).toBe(token);
  }
  expect(await thrown(() => requireIdentity({ authorization: "d" }, identities))).toMatchObject({
    code: "TOKEN_WRONG",
  });
});
