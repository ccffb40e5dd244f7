import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ENV } from "../../sidecar/contract/env.ts";
import { sidecar } from "../support/child.ts";
import { ROLE } from "../support/credentials.ts";
import { http } from "../support/http.ts";
import { projectedVolume } from "../support/projected-volume.ts";
import { hashOf } from "../support/sidecar-env.ts";
import {
  ended,
  imdsPod,
  readiness,
  sidecarPod,
  termination,
  TOKEN,
  type SidecarPod,
} from "../support/sidecar-pod.ts";
import { tempFolder } from "../support/temp-files.ts";

const IN_FILE = "header.first-token-of-the-app.signature";
const NEXT = "header.second-token-of-the-app.signature";

/** The pod's own identity, whose token is in this file, and maybe in a variable too. */
const knownBy = (tokenFile: string, more: object = {}): string =>
  JSON.stringify([{ name: "pod", tokenFile, ...more, steps: [{ roleArn: ROLE }] }]);

const status = async ({ port }: SidecarPod, authorization: string): Promise<string> => {
  const answer = await http(port, "/v1/credentials", { authorization });
  const { Code } = JSON.parse(answer.body) as { readonly Code: string };
  return `${answer.status} ${Code}`;
};

test("the sidecar serves who sends the token in the file, also in the moment after the kubelet replaced it", async () => {
  const { file, rotate } = projectedVolume(IN_FILE);
  const made = await sidecarPod({ [ENV.identities]: knownBy(file) });
  const serving = sidecar(["serve"], made.env);
  await readiness(made);
  expect(await status(made, IN_FILE)).toBe("200 Success");
  rotate(NEXT);
  expect(await status(made, NEXT)).toBe("200 Success");
  expect(await status(made, IN_FILE)).toBe("200 Success");
  for (const wrong of [TOKEN, `${NEXT}x`, NEXT.slice(1), hashOf(NEXT)]) {
    expect(await status(made, wrong)).toBe("403 TOKEN_WRONG");
  }
  serving.kill("SIGTERM");
  const output = await ended(serving, 0);
  expect(output.match(/token replaced/g)).toHaveLength(1);
  expect(output).not.toMatch(/token-of-the-app/);
});

test("the sidecar serves who sends the variable's token or the file's", async () => {
  const { file } = projectedVolume(IN_FILE);
  const made = await sidecarPod({ [ENV.identities]: knownBy(file, { tokenSha256: hashOf(TOKEN) }) });
  sidecar(["serve"], made.env);
  await readiness(made);
  for (const token of [TOKEN, IN_FILE]) expect(await status(made, token)).toBe("200 Success");
});

test("the sidecar serves each container the role of its own file", async () => {
  const WRITER = "arn:aws:iam::123456789012:role/billing-writer";
  const identities = [
    { name: "pod", tokenFile: projectedVolume(IN_FILE).file, steps: [{ roleArn: ROLE }] },
    { name: "container/uploader", tokenFile: projectedVolume(NEXT).file, steps: [{ roleArn: WRITER }] },
  ];
  const made = await sidecarPod({ [ENV.identities]: JSON.stringify(identities) });
  sidecar(["serve"], made.env);
  await readiness(made);
  const answers = await Promise.all(
    [IN_FILE, NEXT].map((authorization) => http(made.port, "/v1/credentials", { authorization })),
  );
  expect(answers.map(({ body }) => (JSON.parse(body) as { RoleArn: string }).RoleArn)).toEqual([
    ROLE,
    WRITER,
  ]);
});

test("the sidecar that loses the file tells clients to try again, is not ready, and recovers", async () => {
  const volume = tempFolder();
  const { file, rotate } = projectedVolume(IN_FILE, volume);
  const made = await sidecarPod({ [ENV.identities]: knownBy(file) });
  const serving = sidecar(["serve"], made.env);
  await readiness(made);
  rmSync(join(volume, "..data"), { recursive: true });
  // Makes the sidecar look, so that the test need not wait for the next minute.
  expect(await status(made, NEXT)).toBe("503 APP_TOKEN_UNREADABLE");
  expect(await status(made, IN_FILE)).toBe("503 APP_TOKEN_UNREADABLE");
  await readiness(made, "APP_TOKEN_UNREADABLE");
  rotate(NEXT);
  await readiness(made);
  expect(await status(made, NEXT)).toBe("200 Success");
  serving.kill("SIGTERM");
  expect(await ended(serving, 0)).toContain("no token to compare with");
});

test.each([
  ["empty", (path: string) => writeFileSync(path, ""), "is empty"],
  ["a pipe", (path: string) => void execFileSync("mkfifo", [path]), "cannot be read (EINVAL)"],
  ["huge", (path: string) => writeFileSync(path, "x".repeat(9000)), "cannot be read (EFBIG)"],
  ["missing", () => undefined, "cannot be read (ENOENT)"],
])("the sidecar whose file is %s does not start, and says so", async (_, make, problem) => {
  const path = join(tempFolder(), "token");
  make(path);
  const made = await sidecarPod({ [ENV.identities]: knownBy(path), [ENV.startTimeoutSeconds]: "1" });
  await ended(sidecar(["serve"], made.env), 1);
  expect(await termination(made)).toContain(`APP_TOKEN_UNREADABLE: The app's token file ${path} ${problem}.`);
});

test("the emulated metadata service needs no token file, and answers the same", async () => {
  const { file } = projectedVolume(IN_FILE);
  const made = await imdsPod({ [ENV.identities]: knownBy(file) });
  await readiness(made);
  const headers = { host: "169.254.169.254", "x-aws-ec2-metadata-token-ttl-seconds": "60" };
  expect(await http(made.imdsPort, "/latest/api/token", headers, "PUT")).toMatchObject({ status: 200 });
});
