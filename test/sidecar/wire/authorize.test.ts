import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { requireIdentity, requireLoopbackHost, type Guarded } from "../../../sidecar/wire/authorize.ts";
import type { Headers } from "../../../sidecar/kit/http-message.ts";
import { thrown } from "../../support/thrown.ts";

const sha256 = (text: string): Buffer => createHash("sha256").update(text, "latin1").digest();
const of = (token: string) => ({ tokenSha256: sha256(token) });

/** An identity with a file that holds `now`, and `next` after it was read again. */
function inFile(now: string | CodedError, next: string | CodedError = now, isRead = true) {
  let content = now;
  const reads = { count: 0 };
  const tokenFile = {
    digests: () => (typeof content === "string" ? [sha256(content)] : []),
    problem: () => (typeof content === "string" ? undefined : content),
    reread: async () => {
      reads.count += 1;
      content = next;
      return isRead;
    },
  };
  return { tokenFile, reads };
}
const unreadable = new CodedError("APP_TOKEN_UNREADABLE", "It cannot be read.");
const opened = (authorization: string, ...identities: readonly Guarded[]): Promise<string | number> =>
  requireIdentity({ authorization }, identities).then(
    (identity) => identities.indexOf(identity),
    (error: CodedError) => error.code,
  );

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

test.each(["to-ken", "tök en"])(
  "a request with the raw token is accepted, as SDKs send it, of any bytes that a header may have: %s",
  async (token) => {
    expect(await opened(token, of(token))).toBe(0);
    expect(await opened(token, inFile(token))).toBe(0);
  },
);

test.each(["Bearer to-ken", "to-ke", "to-kenx", "TO-KEN", " to-ken", sha256("to-ken").toString("hex")])(
  "a request with the token %j is refused",
  async (authorization) => {
    expect(await opened(authorization, of("to-ken"))).toBe("TOKEN_WRONG");
    expect(await opened(authorization, inFile("to-ken"))).toBe("TOKEN_WRONG");
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

test("a request without a token is told both variables that name one", async () => {
  const { remedy } = await thrown(() => requireIdentity({}, [of("to-ken")]));
  expect(remedy).toContain("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  expect(remedy).toMatch(/AWS_CONTAINER_AUTHORIZATION_TOKEN\b/);
});

test("a token is matched with its identity among many, and with no other", async () => {
  const identities = [of("a"), inFile("b"), { ...of("c"), ...inFile("c2") }];
  const answers = ["a", "b", "c", "c2", "d"].map((token) => opened(token, ...identities));
  expect(await Promise.all(answers)).toEqual([0, 1, 2, 2, "TOKEN_WRONG"]);
});

test("a token that is in an identity's file is accepted although the sidecar has not read it yet", async () => {
  expect(await opened("new", inFile("old", "new"))).toBe(0);
  expect(await opened("new", of("a"), inFile("b", "b"), inFile("old", "new"))).toBe(2);
});

test("a token that is known causes no read", async () => {
  const one = inFile("to-ken");
  await opened("to-ken", one);
  await opened("other", { ...of("other"), ...one });
  expect(one.reads.count).toBe(0);
});

test("a token that is nowhere is told to try again while a file cannot be read, and opens nothing", async () => {
  expect(await opened("to-ken", inFile(unreadable))).toBe("APP_TOKEN_UNREADABLE");
  expect(await opened("", inFile(unreadable))).toBe("TOKEN_MISSING");
  expect(await opened("a", of("a"), inFile(unreadable))).toBe(0);
  expect(await opened("a", { ...of("a"), ...inFile(unreadable) })).toBe(0);
  expect(await opened("to-ken", inFile(unreadable, "to-ken"))).toBe(0);
  expect(await opened("to-ken", inFile("to-ken-2", unreadable))).toBe("APP_TOKEN_UNREADABLE");
});

test("a token that is nowhere is told to try again where too many wait for the file to be read", async () => {
  expect(await opened("to-ken", inFile("other", "other", false))).toBe("TOKENS_UNREAD");
  // Others may have had it read meanwhile.
  expect(await opened("to-ken", inFile("other", "to-ken", false))).toBe(0);
});

test("a token that two identities have opens neither, in files, in variables, or one in each", async () => {
  for (const second of [of("same"), inFile("same")]) {
    expect(await opened("same", inFile("same"), second)).toBe("TOKEN_SHARED");
    expect(await opened("same", inFile("old", "same"), inFile("old2", "same"))).toBe("TOKEN_SHARED");
    expect(await opened("same", of("other"), inFile("same"), second)).toBe("TOKEN_SHARED");
  }
  expect(await opened("same", { ...of("same"), ...inFile("same") })).toBe(0);
});

test("an identity without a token opens to nobody", async () => {
  expect(await opened("x", {})).toBe("TOKEN_WRONG");
});
