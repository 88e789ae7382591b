"""S3: copies of the portal's database, in a bucket that the account's stack makes.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from tests.iam.requests import Parameters, Request, World

BUCKET = "sites-backups"
_OBJECT = f"arn:aws:s3:::{BUCKET}/portal/copy.dump"
#: By call: what it is asked as. A large file goes in parts.
_ACTIONS = {
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "PutObject": "s3:PutObject",
    "UploadPart": "s3:PutObject",
}


def requests(name: str, given: Parameters, world: World) -> list[Request]:
    return [Request(_ACTIONS[name.partition(":")[2]], _OBJECT)]
