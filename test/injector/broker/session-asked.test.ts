import { expect, test } from "vitest";
import { sessionAsked } from "../../../injector/broker/session-asked.ts";
import { BILLING } from "../../support/facts.ts";
import { thrown } from "../../support/thrown.ts";

test.for(["pod", "container/app"])("a request may ask for the identity %s", (identity) => {
  const asked = { identity, roleArn: BILLING };
  expect(sessionAsked(JSON.stringify({ ...asked, more: 1 }))).toEqual(asked);
});

test.for([
  ["", "must be JSON"],
  ["{", "must be JSON"],
  ["[]", "identity must be"],
  ["null", "identity must be"],
  [JSON.stringify({ identity: "container/../x", roleArn: BILLING }), "identity must be"],
  [JSON.stringify({ identity: ["pod"], roleArn: BILLING }), "identity must be"],
  [JSON.stringify({ identity: "pod" }), "roleArn must be"],
  [JSON.stringify({ identity: "pod", roleArn: `${BILLING}\n` }), "roleArn must be"],
])("the request %j is refused: %s", async ([body = "", why]) => {
  const error = await thrown(async () => sessionAsked(body));
  expect(error).toMatchObject({ code: "REQUEST_INVALID", kind: "definite" });
  expect(error.message).toContain(why);
});
