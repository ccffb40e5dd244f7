/** Values of the variables that pages set from what AWS says, for tests that run their commands. */
const SAMPLES: Readonly<Record<string, string>> = {
  ACCOUNT: "111122223333",
  AWS_REGION: "eu-west-1",
  BUCKET: "example-com-oidc",
  CLUSTER: "demo",
  ISSUER: "https://oidc.example/cluster",
  PROVIDER: "arn:aws:iam::111122223333:oidc-provider/oidc.example/cluster",
  REGISTRY: "registry.example.com",
  TOKEN: "token",
};

/** A word of a command with its variables replaced. @throws Error for a variable that has no sample */
export const withSamples = (word: string): string =>
  word.replaceAll(/\$\{?([A-Z_]+)(?:#https:\/\/)?\}?/g, (all: string, name: string) => {
    const value = SAMPLES[name];
    if (value === undefined) throw new Error(`the variable ${name} has no sample`);
    return all.includes("#") ? value.replace("https://", "") : value;
  });
