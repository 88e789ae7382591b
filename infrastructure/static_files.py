"""A release's static files in the bucket that all machines of the portal read, before the first serves it.

While machines are updated one by one, a page of the new release may ask for its files where the old one
serves, and the other way round. Their names carry a hash of what is in them: none takes another's place.
"""

import mimetypes
import re
from pathlib import Path

from .aws import AWS

#: What ManifestStaticFilesStorage puts before the extension; compressed ones stay with their machine.
HASHED = re.compile(r"\.[0-9a-f]{12}\.(?!.*\b(?:br|gz)$)[A-Za-z0-9.]+$")


def upload(aws: AWS, bucket: str, folder: Path) -> int:
    """How many were not there yet."""
    pages = aws.pages(aws.s3.get_paginator("list_objects_v2").paginate, Bucket=bucket)
    present = {found["Key"] for page in pages for found in page.get("Contents", [])}
    files = {
        path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()
    }
    missing = [name for name in files if HASHED.search(name) and name not in present]
    for name in missing:
        kind, _ = mimetypes.guess_type(name)
        aws.ask(
            aws.s3.put_object,
            Bucket=bucket,
            Key=name,
            Body=files[name].read_bytes(),
            ContentType=kind or "application/octet-stream",
        )
    return len(missing)
