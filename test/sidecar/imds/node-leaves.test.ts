import { expect, test } from "vitest";
import type { AskNode } from "../../../sidecar/kit/imds-v2.ts";
import type { PlainAnswer } from "../../../sidecar/kit/plain-request.ts";
import { nodeLeaves } from "../../../sidecar/imds/node-leaves.ts";
import { handClock } from "../../support/hand-clock.ts";

const ZONE = "meta-data/placement/availability-zone";

/** A node's service that notes what it is asked, and answers GETs with what the test says. */
function node(answer: (asked: number) => PlainAnswer | Error) {
  const asked: string[] = [];
  let gets = 0;
  const askNode: AskNode = async ({ method, path, headers }) => {
    asked.push(`${method} ${path} ${Object.entries(headers).join()}`);
    if (method === "PUT") return { status: 200, body: `token-${asked.length}` };
    gets += 1;
    const answered = answer(gets);
    if (answered instanceof Error) throw answered;
    return answered;
  };
  return { asked, askNode };
}

const leafOver = ({ askNode }: ReturnType<typeof node>, clock = handClock()) => {
  const leaf = nodeLeaves([ZONE], askNode, clock).get(ZONE);
  if (leaf === undefined) throw new Error("no leaf");
  return leaf;
};

test("the node's service is asked with a token, once for any number of readers, and again after half a minute", async () => {
  const clock = handClock();
  const service = node(() => ({ status: 200, body: "eu-west-1a" }));
  const leaf = leafOver(service, clock);
  const read = await Promise.all([leaf(), leaf(), leaf()]);
  expect(read.map((content) => content?.body)).toEqual(["eu-west-1a", "eu-west-1a", "eu-west-1a"]);
  expect(service.asked).toEqual([
    "PUT /latest/api/token X-aws-ec2-metadata-token-ttl-seconds,300",
    `GET /latest/${ZONE} X-aws-ec2-metadata-token,token-1`,
  ]);
  await clock.advance(30_000);
  await leaf();
  expect(service.asked).toHaveLength(3);
});

test("the node's service is asked for a new token when it refuses the old one", async () => {
  const service = node((asked) => (asked === 1 ? { status: 401, body: "" } : { status: 200, body: "b" }));
  expect(await leafOver(service)()).toMatchObject({ body: "b" });
  expect(service.asked.map((line) => line.split(" ")[0])).toEqual(["PUT", "GET", "PUT", "GET"]);
});

test("a path that the node's service does not have is not found", async () => {
  expect(await leafOver(node(() => ({ status: 404, body: "<html>" })))()).toBeUndefined();
});

test.each([
  ["another status", { status: 500, body: "x" }],
  ["a redirect", { status: 302, body: "x" }],
  ["no answer", new Error("ECONNREFUSED 169.254.169.254")],
])("a path of the node's service fails on %s, and is asked for again the next time", async (_, failure) => {
  const leaf = leafOver(node((asked) => (asked === 1 ? failure : { status: 200, body: "b" })));
  await expect(leaf()).rejects.toMatchObject({ code: "NODE_METADATA_UNAVAILABLE" });
  expect(await leaf()).toMatchObject({ body: "b" });
});

test("a path of the node's service fails without a token, and is not asked for without one", async () => {
  const asked: string[] = [];
  const askNode: AskNode = async ({ method }) => {
    asked.push(method);
    return { status: 403, body: "" };
  };
  const leaf = nodeLeaves([ZONE], askNode, handClock()).get(ZONE);
  await expect(leaf?.()).rejects.toMatchObject({ code: "NODE_METADATA_UNAVAILABLE" });
  expect(asked).toEqual(["PUT"]);
});
