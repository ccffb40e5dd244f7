import { describe, expect, test } from "vitest";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { buildServer } from "../../../injector/serve/server.ts";
import { config } from "../../support/config.ts";
import { clusterOf, facts } from "../../support/facts.ts";
import { silent } from "../../support/log-lines.ts";
import { pod, FRESH } from "../../support/pods.ts";
import { postObject } from "../../support/webhook.ts";

describe("the settings in force", () => {
  test("are the ones at the time of the review", async () => {
    let image = "r.example/a:1";
    const settings = () => config({ image });
    const images = async () => JSON.stringify((await postObject(pod(), { config: settings })).patch);
    expect(await images()).toContain("r.example/a:1");
    image = "r.example/a:2";
    expect(await images()).toContain("r.example/a:2");
  });

  test("are required: without settings every pod is denied, and the denial says why", async () => {
    const none = () => {
      throw new CodedError("CONFIG_UNREAD", "The settings have not been read yet.");
    };
    const { status, response } = await postObject(pod(), { config: none });
    expect(status).toBe(200);
    expect(response).toMatchObject({
      allowed: false,
      status: { message: expect.stringContaining("The settings have not been read yet.") as string },
    });
  });

  test.for([
    [undefined, { status: "ok" }],
    [
      { code: "CONFIG_INVALID", message: "guard must be one of auto, block, verify, off." },
      {
        status: "ok",
        detail: { code: "CONFIG_INVALID", message: "guard must be one of auto, block, verify, off." },
      },
    ],
  ] as const)("do not affect readiness, even if newer ones were refused: %j", async ([detail, body]) => {
    const server = buildServer({
      config: () => config(),
      cluster: clusterOf(facts()),
      log: silent,
      fresh: FRESH,
      detail: () => detail,
    });
    const answer = await server.inject({ url: "/readyz" });
    await server.close();
    expect([answer.statusCode, answer.json()]).toEqual([200, body]);
  });
});
