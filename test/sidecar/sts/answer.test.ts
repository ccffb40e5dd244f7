import { assert, constantFrom, integer, property, record, string, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import { callerArnBy } from "../../../sidecar/sts/answer.ts";
import { CallError, type CallFailure } from "../../../sidecar/sts/call-error.ts";
import { read } from "../../support/read-answer.ts";
import { FIELDS, grantedXml, refusedXml } from "../../support/sts-xml.ts";

const notSts = (status = 200): CallFailure => ({ kind: "invalid-answer", status });

describe("an answer is not STS's when", () => {
  const without = (name: string): string => grantedXml().replace(new RegExp(`<${name}>.*</${name}>`), "");
  test.each([
    ["it is empty", ""],
    ["it is no XML", "no XML <"],
    ["it is HTML", "<html><body>login<br></body></html>"],
    ["it is JSON", '{"AssumeRoleResponse":{}}'],
    ["its end is missing", grantedXml().slice(0, -30)],
    ["something follows it", `${grantedXml()}x`],
    ["it comes twice", grantedXml() + grantedXml().replace(/^<\?xml.*\n/, "")],
    ["two answers are in one", `<a>${grantedXml().replace(/^<\?xml.*\n/, "")}</a>`],
    ["it has a DOCTYPE", grantedXml().replace("<AssumeRoleResponse", "<!DOCTYPE a><AssumeRoleResponse")],
    [
      "it defines an entity",
      `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>${grantedXml({ accessKeyId: "&x;" })}`,
    ],
    ["it uses an unknown entity", grantedXml().replace("ASIAEXAMPLE", "&x;")],
    ["it uses a property of every object as an entity", grantedXml().replace("ASIAEXAMPLE", "&toString;")],
    ["an ampersand is bare", grantedXml().replace("ASIAEXAMPLE", "A&B")],
    ["an entity stands for no character", grantedXml().replace("ASIAEXAMPLE", "&#xD800;")],
    ["an entity stands for NUL", grantedXml().replace("ASIAEXAMPLE", "&#0;")],
    ["an entity is beyond all characters", grantedXml().replace("ASIAEXAMPLE", "&#x110000;")],
    ["it has a processing instruction", grantedXml().replace("<Credentials>", "<?php?><Credentials>")],
    ["tags do not match", grantedXml().replace("</AccessKeyId>", "</AccessKeyID>")],
    ["an attribute stands in an end tag", grantedXml().replace("</AccessKeyId>", '</AccessKeyId a="">')],
    ["an attribute has no quotes", grantedXml().replace("<Credentials>", "<Credentials a=b>")],
    ["a comment does not end", grantedXml().replace("<Credentials>", "<!-- <Credentials>")],
    ["a CDATA section does not end", grantedXml().replace("ASIAEXAMPLE", "<![CDATA[x")],
    ["a CDATA section is its root", "<![CDATA[x]]>"],
    ["it begins with a byte order mark", `\uFEFF${grantedXml()}`],
    [
      "its names have a prefix",
      grantedXml()
        .replaceAll(/<(\/?)(?=[A-Z])/g, "<$1sts:")
        .replace("xmlns", "xmlns:sts"),
    ],
    ["it is another action's", grantedXml().replaceAll("AssumeRole", "GetSessionToken")],
    ["it is an error with the status 200", refusedXml("AccessDenied", "no")],
    ["its keys come twice", grantedXml().replace(/<Credentials>[^]*<\/Credentials>/, "$&$&")],
    ["its session token comes twice", grantedXml().replace(/<SessionToken>.*<\/SessionToken>/, "$&$&")],
    ["its result comes twice", grantedXml().replace(/<AssumeRoleResult>[^]*<\/AssumeRoleResult>/, "$&$&")],
    ["it has no access key", without("AccessKeyId")],
    ["it has no secret key", without("SecretAccessKey")],
    ["it has no session token", without("SessionToken")],
    ["it has no end", without("Expiration")],
    ["a key is empty", grantedXml({ secretAccessKey: "" })],
    ["a key is an element", grantedXml().replace("ASIAEXAMPLE", "<b>ASIA</b>")],
    ["a key has a line break", grantedXml({ sessionToken: "a\r\nX-Evil: b" })],
    ["a key has a space", grantedXml({ accessKeyId: "ASIA EXAMPLE" })],
    ["a key has a letter beyond ASCII", grantedXml({ sessionToken: "\u00FC" })],
    ["its end is no time", grantedXml({ expiration: "tomorrow" })],
    ["its end is a day", grantedXml({ expiration: "2026-11-28" })],
    ["its end is no day", grantedXml({ expiration: "2026-13-45T00:00:00Z" })],
    ["its end is a number", grantedXml({ expiration: "1795993200" })],
  ])("%s", (_, body) => {
    expect(read(body)).toEqual(notSts());
  });

  test("its bytes are no UTF-8", () => {
    const valid = grantedXml();
    const at = valid.indexOf("ASIAEXAMPLE");
    const broken = Buffer.from(valid);
    broken[at] = 0xff;
    expect(read(broken)).toEqual(notSts());
    expect(read(Buffer.from(valid, "utf16le"))).toEqual(notSts());
  });

  test.each([201, 204, 206, 301, 302, 307])("its status is %i", (status) => {
    expect(read(grantedXml(), status)).toEqual(notSts(status));
  });

  test.each([400, 403, 500, 503])("a session comes with the status %i", (status) => {
    expect(read(grantedXml(), status)).toEqual(notSts(status));
  });

  test.each([
    ["a page", "<html>Blocked</html>"],
    ["nothing", ""],
    ["no code", refusedXml("", "no")],
    ["a sentence as code", refusedXml("Access denied!", "no")],
    ["two codes", refusedXml("A", "no").replace(/<Code>.*<\/Code>/, "$&$&")],
  ])("a refusal is %s", (_, body) => {
    expect(read(body, 403)).toEqual(notSts(403));
  });
});

test("whatever is answered, there is a session or a reason, and no text of the answer in the reason", () => {
  const valid = grantedXml({ secretAccessKey: "hunter2hunter2", sessionToken: "hunter2hunter2" });
  const pieces = [
    "<",
    ">",
    "/",
    "&",
    ";",
    "!",
    "-",
    "[",
    "]",
    "?",
    "'",
    '"',
    "=",
    " ",
    "CDATA",
    "<!--",
    "]]>",
    "&#",
  ];
  const put = string({ unit: constantFrom(...pieces), maxLength: 12 });
  const places = { at: integer({ min: 0, max: valid.length }), length: integer({ min: 0, max: 40 }) };
  assert(
    property(record({ ...places, put }), (one) => {
      const own = read(valid.slice(0, one.at) + one.put + valid.slice(one.at + one.length));
      const [secret, reason] = "kind" in own ? ["x", own] : [own.secretAccessKey.reveal(), {}];
      expect(secret).not.toBe("");
      expect(JSON.stringify(reason)).not.toContain("hunter2");
    }),
    { numRuns: 5000 },
  );
});

test("whatever bytes are answered, there is a reason", () => {
  assert(
    property(uint8Array({ maxLength: 300 }), integer({ min: 200, max: 599 }), (body, status) => {
      expect(read(Buffer.from(body), status)).toEqual(notSts(status));
    }),
    { numRuns: 2000 },
  );
});

/** Beyond the control characters, XML has not these. */
const FOREIGN: ReadonlySet<string> = new Set(["\uFEFF", "\uFFFE", "\uFFFF"]);

test("any text survives being written as XML", () => {
  assert(
    property(string({ unit: "grapheme", minLength: 1 }), (text) => {
      const own = read(refusedXml("A", text), 400);
      const readable = !Array.from(text).some(
        (one) => (one < " " && !"\t\n\r".includes(one)) || FOREIGN.has(one),
      );
      expect(own).toEqual(readable ? { kind: "refused", status: 400, code: "A", text } : notSts(400));
    }),
  );
});

test("a body of the greatest length is read in time, however it is made", () => {
  const most = 64 * 1024;
  const fill = (piece: string): string => piece.repeat(Math.floor(most / piece.length));
  for (const piece of [
    "<a>",
    "<a",
    "<a ",
    "<!--",
    "<!-- --",
    "&amp",
    "&#1",
    "<![CDATA[",
    " ",
    "<a b='",
    '<a b="c" ',
    "]]>",
  ]) {
    expect(read(fill(piece))).toEqual(notSts());
    expect(read(`<a${fill(piece)}`)).toEqual(notSts());
    expect(read(`<a b="${fill(piece)}`)).toEqual(notSts());
  }
});

test("the fields of the tests are those of a real answer", () => {
  expect(read(grantedXml())).toMatchObject({ accessKeyId: FIELDS.accessKeyId, arn: FIELDS.arn });
});

test.each([
  ["is missing", grantedXml().replace(/<ResponseMetadata>.*<\/ResponseMetadata>/, "")],
  ["is no id", grantedXml().replace(/<RequestId>[^<]*/, "<RequestId>a\nb")],
])("a session is taken though the request's id %s", (_, body) => {
  expect(read(body)).toMatchObject({ accessKeyId: FIELDS.accessKeyId, requestId: undefined });
});

describe("GetCallerIdentity's answer", () => {
  const identity = (arn: string, action = "GetCallerIdentity"): string =>
    `<${action}Response><${action}Result><Arn>${arn}</Arn></${action}Result></${action}Response>`;
  const arnIn = (body: string, status = 200) => callerArnBy({ status, body: Buffer.from(body) });

  test.each([
    "arn:aws:sts::123456789012:assumed-role/podrole-broker/podrole-broker",
    "arn:aws:iam::123456789012:user/a/b",
    "arn:aws-cn:iam::123456789012:root",
  ])("gives the ARN %s", (arn) => {
    expect(arnIn(identity(arn))).toBe(arn);
  });

  test.each([
    ["no ARN", identity("")],
    ["something else in its place", identity("<b/>")],
    ["text in its place", identity("arn:aws:iam::1:user/a b")],
    ["another action", identity("arn:aws:iam::123456789012:root", "AssumeRole")],
  ])("is not STS's with %s", (_, body) => {
    expect(() => arnIn(body)).toThrow(new CallError({ kind: "invalid-answer", status: 200 }));
  });

  test("may be a refusal", () => {
    const refused = { kind: "refused", status: 403, code: "ExpiredToken", text: "old" } as const;
    expect(() => arnIn(refusedXml("ExpiredToken", "old"), 403)).toThrow(
      expect.objectContaining({ failure: refused }),
    );
  });
});
