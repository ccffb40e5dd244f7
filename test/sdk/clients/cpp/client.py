"""A pod's program on the AWS SDK for C++, which Arrow's S3 file system is made of: one file system, the SDK's default
chain, one ListBuckets for each line of standard input. Arrow takes an endpoint in code only."""

import json
import os
import sys

from pyarrow.fs import FileSelector, S3FileSystem

s3 = S3FileSystem(
    region=os.environ["AWS_REGION"],
    scheme="http",
    endpoint_override=os.environ["AWS_ENDPOINT_URL_S3"].removeprefix("http://"),
)
for _ in sys.stdin:
    try:
        answer = {"buckets": len(s3.get_file_info(FileSelector("")))}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
