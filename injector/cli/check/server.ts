import type { CodedError } from "../../../sidecar/kit/errors.ts";
import { GRANT_FIELDS } from "../../model/grant.ts";
import { fieldsIn, own, recordsIn, type Fields } from "../../model/read.ts";
import type { CheckFacts } from "./facts.ts";
import { fail, judged, ok, skip, warn, type CheckResult, type Results } from "./result.ts";

const NATIVE_SIDECARS = 29;
/** The functions of the policies' CEL that read addresses. The chart's kubeVersion is the same. */
const OLDEST = 31;

/** There are facts only where it answers. It may not tell its version to everybody who is told the rest. */
export const apiServerCheck = ({ server }: CheckFacts): Results => ok("API_SERVER", `${server} answers.`);

/** The only result where the API server cannot be asked. */
export const noAnswer = ({ message, remedy = "" }: CodedError): CheckResult =>
  fail("API_SERVER", message, remedy);

export const versionCheck = ({ serverVersion }: CheckFacts): Results => {
  const code = "KUBERNETES_VERSION";
  return judged(code, serverVersion, skip(code, "the API server has no version"), (version) => {
    // Some clouds write 30+.
    const [major, minor] = ["major", "minor"].map((key) => Number.parseInt(String(own(version, key)), 10));
    if (major === undefined || minor === undefined || Number.isNaN(major) || Number.isNaN(minor)) {
      return skip(code, "the API server reports no version");
    }
    const name = `Kubernetes ${major}.${minor}`;
    const number = major * 1000 + minor;
    if (number < 1000 + NATIVE_SIDECARS) {
      return fail(
        code,
        `${name} has no native sidecars (init containers that keep running).`,
        `Upgrade the cluster to 1.${OLDEST} or newer.`,
      );
    }
    if (number < 1000 + OLDEST) {
      return warn(
        code,
        `${name} takes no ValidatingAdmissionPolicy of podrole's. They hold when the webhook does not.`,
        `Upgrade the cluster to 1.${OLDEST} or newer.`,
      );
    }
    return ok(code, `${name} has native sidecars and takes podrole's ValidatingAdmissionPolicies.`);
  });
};

/** Not an apply of the CRD alone: Helm installs nothing over objects that it does not own. */
const INSTALL =
  "Install or upgrade podrole, which brings it: helm upgrade --install, or kubectl apply --server-side -f deploy/install.yaml (see deploy/README.md).";

export const crdCheck = ({ crd }: CheckFacts): Results => {
  const code = "CRD";
  const absent = fail(code, "The CustomResourceDefinition rolegrants.podrole.dev is not installed.", INSTALL);
  return judged(code, crd, absent, (object) => {
    const version = recordsIn(fieldsIn(object, "spec"), "versions").find(
      (one) => own(one, "name") === "v1alpha1" && own(one, "served") === true,
    );
    if (version === undefined) return fail(code, "The CRD does not serve podrole.dev/v1alpha1.", INSTALL);
    if (!isEstablished(object)) {
      return fail(
        code,
        "The CRD is installed, but the API server does not serve it.",
        "See the conditions of kubectl describe crd rolegrants.podrole.dev.",
      );
    }
    const schema = fieldsIn(fieldsIn(version, "schema"), "openAPIV3Schema");
    const known = fieldsIn(fieldsIn(fieldsIn(schema, "properties"), "spec"), "properties");
    // The API server drops a field that the CRD lacks, without a word.
    const missing = [...GRANT_FIELDS].filter((field) => !Object.hasOwn(known, field));
    if (missing.length > 0) {
      const message = `The CRD is of another version: it lacks spec.${missing.join(", spec.")}, which the API server drops from grants.`;
      return fail(code, message, INSTALL);
    }
    const hasStatus = own(fieldsIn(version, "subresources"), "status") !== undefined;
    return hasStatus
      ? ok(code, "RoleGrant podrole.dev/v1alpha1 is served.")
      : warn(code, "The CRD has no status, so kubectl get rolegrants cannot tell who uses a grant.", INSTALL);
  });
};

const isEstablished = (crd: Fields): boolean =>
  recordsIn(fieldsIn(crd, "status"), "conditions").some(
    (one) => own(one, "type") === "Established" && own(one, "status") === "True",
  );
