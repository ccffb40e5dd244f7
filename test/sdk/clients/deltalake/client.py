"""A pod's program on deltalake, the Python package of delta-rs: its default chain, one look for a table for each line of
standard input. An endpoint without TLS has to be allowed in code."""

import json
import os
import sys

from deltalake import DeltaTable

options = {"AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL_S3"], "AWS_ALLOW_HTTP": "true", "max_retries": "3"}
for _ in sys.stdin:
    try:
        answer = {"table": DeltaTable.is_deltatable("s3://shop/table", options)}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
