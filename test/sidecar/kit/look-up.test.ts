import type { LookupAddress } from "node:dns";
import { describe, expect, onTestFinished, test } from "vitest";
import { createServer, request } from "node:http";
import { sharedLookUp } from "../../../sidecar/kit/look-up.ts";
import { listening } from "../../support/listening.ts";

const ADDRESSES: LookupAddress[] = [
  { address: "192.0.2.7", family: 4 },
  { address: "2001:db8::7", family: 6 },
];

type Answer = (error: NodeJS.ErrnoException | null, addresses?: LookupAddress[]) => void;

/** A resolver that answers when the test says so. */
function resolver() {
  const asked: { readonly hostname: string; readonly answer: Answer }[] = [];
  const lookUp = sharedLookUp((hostname, _, answer) => void asked.push({ hostname, answer }));
  const ask = (hostname: string, all = true): Promise<unknown> =>
    new Promise((resolve) => {
      lookUp(hostname, { all }, (...answer) => resolve(answer));
    });
  return { asked, ask };
}

test("a name is looked up once for all who ask meanwhile, and anew for the next", async () => {
  const { asked, ask } = resolver();
  const [one, two] = [ask("sts.example"), ask("sts.example")];
  expect(asked).toHaveLength(1);
  asked[0]?.answer(null, ADDRESSES);
  expect(await one).toEqual([null, ADDRESSES]);
  expect(await two).toEqual([null, ADDRESSES]);
  void ask("sts.example");
  expect(asked).toHaveLength(2);
});

test("a look-up that fails fails for all who ask meanwhile, and is tried anew for the next", async () => {
  const { asked, ask } = resolver();
  const [one, two] = [ask("sts.example"), ask("sts.example")];
  const error = Object.assign(new Error("getaddrinfo"), { code: "EAI_AGAIN" });
  asked[0]?.answer(error);
  expect([await one, await two]).toEqual([
    [error, []],
    [error, []],
  ]);
  void ask("sts.example");
  expect(asked).toHaveLength(2);
});

describe("a name that was found before", () => {
  test("waits for no other", () => {
    const { asked, ask } = resolver();
    for (const name of ["a.example", "b.example"]) {
      void ask(name);
      asked.shift()?.answer(null, ADDRESSES);
    }
    void ask("never.example");
    void ask("a.example");
    void ask("b.example");
    expect(asked.map(({ hostname }) => hostname)).toEqual(["never.example", "a.example", "b.example"]);
  });
});

describe("names that were never found", () => {
  const error = Object.assign(new Error("getaddrinfo"), { code: "ENOTFOUND" });

  test("are looked up one at a time, in the order in which they were asked for", async () => {
    const { asked, ask } = resolver();
    const all = ["sts.aa-bbbb-1.example", "sts.aa-bbbc-1.example", "sts.eu-west-1.example"].map((name) =>
      ask(name),
    );
    expect(asked.map(({ hostname }) => hostname)).toEqual(["sts.aa-bbbb-1.example"]);
    asked.shift()?.answer(error);
    asked.shift()?.answer(error);
    asked.shift()?.answer(null, ADDRESSES);
    expect(asked).toEqual([]);
    expect(await Promise.all(all)).toEqual([
      [error, []],
      [error, []],
      [null, ADDRESSES],
    ]);
  });

  test("are refused while fifty of them wait, unless they wait already", async () => {
    const { asked, ask } = resolver();
    void ask("sts.eu-west-1.example");
    asked.shift()?.answer(null, ADDRESSES);
    const all = Array.from({ length: 50 }, (_, at) => ask(`sts.aa-bbbb-${at}.example`));
    expect(await ask("one-more.example")).toMatchObject([{ code: "EAI_AGAIN" }, []]);
    const [again, known] = [ask("sts.aa-bbbb-49.example"), ask("sts.eu-west-1.example")];
    asked.pop()?.answer(null, ADDRESSES);
    expect(await known).toEqual([null, ADDRESSES]);
    for (let left = asked.length; left > 0; left = asked.length) asked.shift()?.answer(error);
    expect(await Promise.all([...all, again])).toEqual(Array.from({ length: 51 }, () => [error, []]));
    void ask("one-more.example");
    expect(asked.map(({ hostname }) => hostname)).toEqual(["one-more.example"]);
  });

  test("make who asks for one of them again wait again", () => {
    const { asked, ask } = resolver();
    void ask("a.example");
    asked.shift()?.answer(error);
    void ask("b.example");
    void ask("a.example");
    expect(asked.map(({ hostname }) => hostname)).toEqual(["b.example"]);
  });
});

test("one address is given to whoever asks for one", async () => {
  const { asked, ask } = resolver();
  const one = ask("sts.example", false);
  asked[0]?.answer(null, ADDRESSES);
  expect(await one).toEqual([null, "192.0.2.7", 4]);
});

test("a connection is made to an address that was looked up", async () => {
  const server = createServer((_, response) => void response.end());
  onTestFinished(() => void server.close());
  const port = await listening(server);
  const lookUp = sharedLookUp((_, __, answer) => answer(null, [{ address: "127.0.0.1", family: 4 }]));
  const status = await new Promise((resolve, reject) => {
    request({ host: "sts.example", port, lookup: lookUp, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .once("error", reject)
      .end();
  });
  expect(status).toBe(200);
});
