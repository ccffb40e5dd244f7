import { mkdir, mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { createVolumes } from "../../../../../injector/cli/demo/node/volumes.ts";
import { containerNamed, injected, pod } from "../../../../support/pods.ts";
import { ANNOTATION, CONTAINER_ROLE_PREFIX } from "../../../../../sidecar/contract/annotations.ts";
import { CONTAINER } from "../../../../../sidecar/contract/pod.ts";
import { API_TOKEN_PATH } from "../../../../../injector/model/no-api-token.ts";
import { BILLING } from "../../../../support/facts.ts";

/** The volumes of a pod with an identity of its own and one of its container, in a temporary folder. */
async function volumesOfPod() {
  const root = await mkdtemp(join(tmpdir(), "volumes-"));
  onTestFinished(() => rm(root, { recursive: true }));
  const roles = { [ANNOTATION.role]: BILLING, [`${CONTAINER_ROLE_PREFIX}b`]: `${BILLING}-writer` };
  const after = injected(pod({ containers: [{ name: "a" }, { name: "b" }, { name: "c" }] }, roles));
  let minted = 0;
  const volumes = createVolumes(after, {
    folder: async (name) => {
      const path = join(root, name);
      await mkdir(path, { recursive: true });
      return path;
    },
    mintToken: (audience) => Promise.resolve(`${audience} ${(minted += 1)}`),
  });
  const mountsOf = (name: string) => volumes.mountsOf(containerNamed(after, name));
  const read = async (container: string, path: string) => {
    const mount = (await mountsOf(container)).find(({ to }) => to === path);
    return readFile(join(mount?.from ?? "", "token"), "utf8");
  };
  return { volumes, mountsOf, read };
}

const APP = "/var/run/secrets/podrole.dev/credentials";
const SIDECAR = "/run/podrole";

describe("a token in a volume of the demo's pod", () => {
  test("has the same bytes in the sidecar and in the containers of its identity, and no others", async () => {
    const { read } = await volumesOfPod();
    const [own, of] = [
      await read(CONTAINER.sidecar, `${SIDECAR}/0`),
      await read(CONTAINER.sidecar, `${SIDECAR}/1`),
    ];
    expect(own).toMatch(/^podrole\.dev\/pod /);
    expect(of).toMatch(/^podrole\.dev\/container\/b /);
    expect([await read("a", APP), await read("c", APP)]).toEqual([own, own]);
    expect(await read("b", APP)).toBe(of);
  });

  test("is not in the empty volume of guard and sidecar, which is a folder of its own", async () => {
    const { mountsOf } = await volumesOfPod();
    for (const name of [CONTAINER.guard, CONTAINER.sidecar]) {
      const mount = (await mountsOf(name)).find(({ to }) => to === API_TOKEN_PATH);
      expect((await readdir(mount?.from ?? "")).filter((file) => !file.startsWith(".."))).toEqual([]);
    }
  });

  test("is replaced by one rename of a link, in the folder that is mounted already", async () => {
    const { volumes, mountsOf, read } = await volumesOfPod();
    const [mount] = await mountsOf("a");
    const before = await read("a", APP);
    const folder = await readlink(join(mount?.from ?? "", "..data"));
    expect(await readlink(join(mount?.from ?? "", "token"))).toBe("..data/token");
    await volumes.renew();
    expect(await mountsOf("a")).toEqual([mount]);
    expect(await readlink(join(mount?.from ?? "", "..data"))).not.toBe(folder);
    const after = await read("a", APP);
    expect(after).not.toBe(before);
    expect(await read(CONTAINER.sidecar, `${SIDECAR}/0`)).toBe(after);
  });
});
