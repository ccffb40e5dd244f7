import { readFileSync } from "node:fs";

/** What turns the sources of a client into something that runs. */
export type Making =
  | { readonly by: "go" | "cargo" | "maven" | "npm" | "ruby" }
  /** The project's own dependencies hold it. */
  | { readonly by: "nothing" }
  /** `isCommand`: the module itself is the client, and there is nothing of ours around it. */
  | { readonly by: "python"; readonly module: string; readonly isCommand?: true };

export interface Client {
  /** Also the folder under `clients/` that its sources are in. */
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly making: Making;
  /** Behind the program, where the client is a command: each call is a process of its own then. */
  readonly command?: (endpoint: string) => readonly string[];
  /** It does not read the variable with the token. */
  readonly knowsFileOnly?: true;
  /** A client that found no credentials once asks for none again; it takes a new one. */
  readonly decidesOnce?: true;
  /** It asks for each call, without being a command. */
  readonly keepsNothing?: true;
  /** It reads AWS_EC2_METADATA_SERVICE_ENDPOINT, so that a way to the node's role would be seen. */
  readonly isTrappable: boolean;
  /** What it says when it gets nothing; absent where it was never run here. */
  readonly says?: Sayings;
  /** What of the sidecar's answer is in its error when there are no credentials. */
  readonly tells: "the sidecar's sentence" | "its status" | "nothing";
  /** What people who use it in a pod have to know, in one or more sentences, or nothing. */
  readonly note: string;
}

/** A client's own words by what is the matter, up to what the sidecar has said; `…` is what differs from time to time. */
export interface Sayings {
  /** The sidecar answers 503: it holds no session. */
  readonly notHeld: string;
  /** The sidecar answers 403: the token is not the pod's, or STS refuses the role. */
  readonly refused: string;
  /** Nobody listens. */
  readonly noSidecar: string;
}

/** Words that say nothing of what is the matter. */
const always = (words: string): Sayings => ({ notHeld: words, refused: words, noSidecar: words });

/** Of the AWS SDK for Go v2, and so of what is built on it. */
const GO_V2: Sayings = {
  notHeld:
    "get identity: get credentials: failed to refresh cached credentials, failed to load credentials, exceeded maximum number of attempts, 3, CREDENTIALS_NOT_READY: …",
  refused:
    "get identity: get credentials: failed to refresh cached credentials, failed to load credentials, TOKEN_WRONG: …",
  noSidecar:
    'get identity: get credentials: failed to refresh cached credentials, failed to load credentials, exceeded maximum number of attempts, 3, request send failed, Get "http://127.0.0.1:…/v1/credentials": dial tcp 127.0.0.1:…: connect: connection refused',
};

const FILE_ONLY =
  "It does not read the variable with the token, so it needs the setting `token` at `both` or `file`.";

/**
 * Of the crate object_store, and so of what is built on it.
 * @param error what the package puts before
 * @param colon what it puts between the parts
 */
function objectStore(error: string, colon = ": "): Sayings {
  const asking = `Error performing GET http://127.0.0.1:…/v1/credentials in …`;
  const answered = (status: string): string =>
    `${error}${colon}${asking} - Server returned non-2xx status code${colon}${status}…`;
  return {
    notHeld: answered("503 Service Unavailable"),
    refused: answered("403 Forbidden"),
    noSidecar: `${error.replace(/^OSError: object/, "ConnectionRefusedError: object")}${colon}${asking}Connection refused…`,
  };
}

/** Whether an error of the client's is these words. */
export function isSaid(words: string, error: string): boolean {
  let from = 0;
  return words.split("…").every((part) => {
    const at = error.indexOf(part, from);
    from = at + part.length;
    return at >= 0;
  });
}

/** The version that a manifest of the suite's pins, the last group of the expression. */
function pinned(file: string, expression: RegExp): string {
  const text = readFileSync(new URL(file, import.meta.url), "utf8");
  const version = expression.exec(text)?.at(-1);
  if (version === undefined) throw new Error(`${file} has no ${expression.source}`);
  return version;
}

const fromPip = (name: string): string => pinned("requirements.txt", new RegExp(`^${name}==(.+)$`, "m"));

export const CLIENTS: readonly Client[] = [
  {
    id: "js-v3",
    name: "AWS SDK for JavaScript v3",
    version: pinned("../../package.json", /"@aws-sdk\/client-sts": "(.+)"/),
    making: { by: "nothing" },
    isTrappable: true,
    says: always("CredentialsProviderError: Could not load credentials from any providers"),
    tells: "nothing",
    note: "It tries for three seconds.",
  },
  {
    id: "js-v2",
    name: "AWS SDK for JavaScript v2",
    version: pinned("clients/js-v2/package.json", /"aws-sdk": "(.+)"/),
    making: { by: "npm" },
    isTrappable: true,
    says: always(
      "CredentialsError: Missing credentials in config, if using AWS_CONFIG_FILE, set AWS_SDK_LOAD_CONFIG=1",
    ),
    tells: "nothing",
    note: "It waits one second for an answer. If the sidecar fails, it would try the metadata service next; `AWS_EC2_METADATA_DISABLED`, which podrole sets, prevents that.",
  },
  {
    id: "boto3",
    name: "boto3",
    version: fromPip("boto3"),
    making: { by: "python", module: "boto3" },
    isTrappable: true,
    says: {
      notHeld:
        "CredentialRetrievalError: Error when retrieving credentials from container-role: Error retrieving metadata: Received non 200 response 503 from container metadata: …",
      refused:
        "CredentialRetrievalError: Error when retrieving credentials from container-role: Error retrieving metadata: Received non 200 response 403 from container metadata: …",
      noSidecar:
        'CredentialRetrievalError: Error when retrieving credentials from container-role: Error retrieving metadata: Received error when attempting to retrieve container metadata: Could not connect to the endpoint URL: "http://127.0.0.1:…/v1/credentials"',
    },
    tells: "the sidecar's sentence",
    note: "It tries three times, a second apart. It fetches when a client is created. So a program that creates clients at its start fails if the sidecar has no session yet: leave `podrole.dev/start` at `wait`.",
  },
  {
    id: "aws-cli",
    name: "AWS CLI v1",
    version: fromPip("awscli"),
    making: { by: "python", module: "awscli", isCommand: true },
    command: () => ["sts", "get-caller-identity", "--output", "json"],
    isTrappable: true,
    says: {
      notHeld:
        "Error when retrieving credentials from container-role: Error retrieving metadata: Received non 200 response 503 from container metadata: …",
      refused:
        "Error when retrieving credentials from container-role: Error retrieving metadata: Received non 200 response 403 from container metadata: …",
      noSidecar:
        'Error when retrieving credentials from container-role: Error retrieving metadata: Received error when attempting to retrieve container metadata: Could not connect to the endpoint URL: "http://127.0.0.1:…/v1/credentials"',
    },
    tells: "the sidecar's sentence",
    note: "It fetches for each command.",
  },
  {
    id: "go-v1",
    name: "AWS SDK for Go v1",
    version: pinned("clients/go-v1/go.mod", /aws-sdk-go v(\S+)/),
    making: { by: "go" },
    isTrappable: true,
    says: always(
      "NoCredentialProviders: no valid providers in chain. Deprecated. For verbose messaging see aws.Config.CredentialsChainVerboseErrors",
    ),
    tells: "nothing",
    note: "With `CredentialsChainVerboseErrors` its errors say more.",
  },
  {
    id: "go-v2",
    name: "AWS SDK for Go v2",
    version: pinned("clients/go-v2/go.mod", /aws-sdk-go-v2\/config v(\S+)/),
    making: { by: "go" },
    isTrappable: true,
    says: GO_V2,
    tells: "the sidecar's sentence",
    note: "",
  },
  {
    id: "java-v1",
    name: "AWS SDK for Java v1",
    version: pinned("clients/java-v1/pom.xml", /aws-java-sdk-sts<\/artifactId>\s+<version>(.+)</),
    making: { by: "maven" },
    isTrappable: true,
    says: {
      notHeld:
        "com.amazonaws.SdkClientException: Unable to load AWS credentials from any provider in the chain: […EC2ContainerCredentialsProviderWrapper@…: No credentials yet: … (Service: null; Status Code: 503; Error Code: CREDENTIALS_NOT_READY; …",
      refused:
        "com.amazonaws.SdkClientException: Unable to load AWS credentials from any provider in the chain: […EC2ContainerCredentialsProviderWrapper@…: … (Service: null; Status Code: 403; Error Code: …",
      noSidecar:
        "com.amazonaws.SdkClientException: Unable to load AWS credentials from any provider in the chain: […EC2ContainerCredentialsProviderWrapper@…: Failed to connect to service endpoint: ]",
    },
    tells: "the sidecar's sentence",
    note: "",
  },
  {
    id: "java-v2",
    name: "AWS SDK for Java v2",
    version: pinned("clients/java-v2/pom.xml", /sts<\/artifactId>\s+<version>(.+)</),
    making: { by: "maven" },
    isTrappable: true,
    says: always(
      "software.amazon.awssdk.core.exception.SdkClientException: Unable to load credentials from any of the providers in the chain AwsCredentialsProviderChain(…ContainerCredentialsProvider(): Failed to load credentials from metadata service.…",
    ),
    tells: "nothing",
    note: "It tries six times without a pause. If the sidecar fails, it would try the metadata service next; `AWS_EC2_METADATA_DISABLED`, which podrole sets, prevents that.",
  },
  {
    id: "rust",
    name: "AWS SDK for Rust",
    version: pinned("clients/rust/Cargo.toml", /aws-config = \{ version = "=([^"]+)"/),
    making: { by: "cargo" },
    isTrappable: true,
    says: {
      notHeld:
        "dispatch failure: other: an error occurred while loading credentials: Non-success status from HTTP credential provider: StatusCode(503) …",
      refused:
        "dispatch failure: other: an error occurred while loading credentials: Non-success status from HTTP credential provider: StatusCode(403) …",
      noSidecar:
        "dispatch failure: other: unexpected credentials error: dispatch failure: io error: client error (Connect): tcp connect error: Connection refused (os error 111) …",
    },
    tells: "its status",
    note: "",
  },
  {
    id: "ruby",
    name: "AWS SDK for Ruby",
    version: "3.188 or newer",
    making: { by: "ruby" },
    decidesOnce: true,
    isTrappable: true,
    tells: "nothing",
    note: "Older versions, Debian 12's 3.168 among them, read no `AWS_CONTAINER_CREDENTIALS_FULL_URI`. A client that was made while no session was held has no credentials for as long as it lives: leave `podrole.dev/start` at `wait`.",
  },
  {
    id: "cpp",
    name: "AWS SDK for C++, in Apache Arrow",
    version: fromPip("pyarrow"),
    making: { by: "python", module: "pyarrow.fs" },
    isTrappable: true,
    says: always("AWS Error MISSING_AUTHENTICATION_TOKEN during … operation: The request is not signed."),
    tells: "nothing",
    note: "Without credentials it sends its requests unsigned, so the error is S3's about an anonymous caller.",
  },
  {
    id: "crt",
    name: "AWS Common Runtime (aws-c-auth), in awscrt",
    version: fromPip("awscrt"),
    making: { by: "python", module: "awscrt" },
    isTrappable: true,
    says: always("AWS_AUTH_SIGNING_NO_CREDENTIALS: Attempt to sign an http request without credentials"),
    tells: "nothing",
    note: "",
  },
  {
    id: "obstore",
    name: "obstore (object_store)",
    version: fromPip("obstore"),
    making: { by: "python", module: "obstore" },
    knowsFileOnly: true,
    isTrappable: false,
    says: objectStore("GenericError: Generic S3 error"),
    tells: "the sidecar's sentence",
    note: FILE_ONLY,
  },
  {
    id: "deltalake",
    name: "deltalake (delta-rs)",
    version: fromPip("deltalake"),
    making: { by: "python", module: "deltalake" },
    knowsFileOnly: true,
    keepsNothing: true,
    isTrappable: false,
    says: objectStore("OSError: Generic S3 error", "…"),
    tells: "the sidecar's sentence",
    note: `It fetches for each table that it opens. ${FILE_ONLY}`,
  },
  {
    id: "polars",
    name: "polars",
    version: fromPip("polars"),
    making: { by: "python", module: "polars" },
    knowsFileOnly: true,
    isTrappable: false,
    says: objectStore("OSError: object-store error: Generic S3 error"),
    tells: "the sidecar's sentence",
    note: `With \`credential_provider=None\`; otherwise it uses boto3 if that is installed. ${FILE_ONLY}`,
  },
  {
    id: "minio-go",
    name: "minio-go",
    version: pinned("clients/minio-go/go.mod", /minio-go\/v7 v(\S+)/),
    making: { by: "go" },
    isTrappable: false,
    says: {
      notHeld: "503 Service Unavailable",
      refused: "403 Forbidden",
      noSidecar: 'Get "http://127.0.0.1:…/v1/credentials": dial tcp 127.0.0.1:…: connect: connection refused',
    },
    tells: "its status",
    note: '`credentials.NewIAM("")` has to be named as its credentials. It tries once.',
  },
  {
    id: "rclone",
    name: "rclone",
    version: pinned("clients/rclone/go.mod", /rclone\/rclone v(\S+)/),
    making: { by: "go" },
    command: (endpoint) => [
      "lsd",
      ":s3:",
      "--config=",
      "--s3-provider=AWS",
      "--s3-env-auth",
      "--s3-region=eu-west-1",
      `--s3-endpoint=${endpoint}`,
      "--retries=1",
      "--low-level-retries=1",
    ],
    isTrappable: true,
    says: GO_V2,
    tells: "the sidecar's sentence",
    note: "Only with `env_auth = true` and no keys in the remote; else it is anonymous. It fetches for each command.",
  },
];

/** Clients that people ask for and that this suite has not tried. */
export const UNTRIED: readonly { readonly name: string; readonly reason: string }[] = [
  { name: "AWS SDK for .NET", reason: "the machine that runs the suite has no .NET" },
  { name: "AWS SDK for Kotlin", reason: "the machine that runs the suite has no Kotlin compiler" },
  { name: "AWS SDK for PHP", reason: "its registry cannot be reached from there" },
  {
    name: "async-aws for PHP",
    reason: "Debian 12's 1.18 only reads AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  },
  {
    name: "fog-aws for Ruby",
    reason: "Debian 12's 3.15 only reads AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  },
  { name: "AWS CLI v2", reason: "it is in no package registry" },
];
