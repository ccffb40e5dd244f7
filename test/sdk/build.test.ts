import { describe, expect, test } from "vitest";
import { excuse } from "../support/excuse.ts";

describe("a client is skipped for", () => {
  test.for([
    ["go", "client: github.com/x/y@v1: reading https://proxy.example/x/y/@v/v1.zip: 403 Forbidden"],
    [
      "go",
      'main.go:4:2: github.com/x/y@v1: Get "https://proxy.example/x": dial tcp: lookup proxy.example: no such host',
    ],
    ["cargo", "error: failed to download from `https://crates.example/x/1.0.0/download`"],
    ["cargo", "warning: spurious network error (3 tries remaining): [6] Could not resolve hostname"],
    ["cargo", "  failed to get a 200 OK response, got 403"],
    ["mvn", "[ERROR] Could not find artifact a:b:jar:1 in central (https://maven.example/x)"],
    ["mvn", "[ERROR] Could not transfer artifact a:b:pom:1 from/to central: status code: 403"],
    ["mvn", "[ERROR] No plugin found for prefix 'dependency' in the current project"],
    ["npm", "npm error code E403"],
    ["npm", "npm error code EAI_AGAIN"],
  ] as const)("a download that %s is refused", ([program, output]) => {
    const reason = excuse(program, { code: 1, output: `first line\n${output}\n` });
    expect(reason).toMatch(/^download refused: /);
    expect(reason).not.toContain(".example/");
  });

  test("a toolchain that is not there, or is too old", () => {
    expect(excuse("go", { code: undefined, output: "" })).toBe("no go");
    const output = "go: go.mod requires go >= 1.26.0 (running go 1.22.1; GOTOOLCHAIN=local)";
    expect(excuse("go", { code: 1, output })).toBe("go is too old: requires go >= 1.26.0");
  });
});

test("nothing excuses a client that does not compile", () => {
  const output = "main.go:404:2: undefined: sts.NewFromConfigg\nerror[E0403]: the name `T` is already used";
  expect(excuse("go", { code: 1, output })).toBeUndefined();
});
