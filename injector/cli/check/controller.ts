import { fieldsIn, own } from "../../model/read.ts";
import type { CheckFacts } from "./facts.ts";
import { fail, judged, ok, type Results } from "./result.ts";

/** What the shipped manifests call the controller's Deployment. */
export const CONTROLLER = "podrole-controller";

/** Admission goes on without it, until a certificate expires or a setting changes. */
export const controllerCheck = ({ controller, podroleNamespace }: CheckFacts): Results => {
  const code = "CONTROLLER";
  const name = `Deployment ${podroleNamespace}/${CONTROLLER}`;
  const meanwhile = "no certificate is renewed and no changed setting reaches the admission policy";
  const absent = fail(code, `There is no ${name}: ${meanwhile}.`, "Install podrole again.");
  return judged(code, controller, absent, (object) => {
    const ready = own(fieldsIn(object, "status"), "readyReplicas");
    if (typeof ready === "number" && ready > 0) return ok(code, `${name} has a ready replica.`);
    const see = `See kubectl -n ${podroleNamespace} describe pods -l app.kubernetes.io/name=${CONTROLLER} and its log.`;
    return fail(code, `${name} has no ready replica: ${meanwhile}.`, see);
  });
};
