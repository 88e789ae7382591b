"""Print the repository's deploy key, read from Parameter Store: deploy_key.py DEPLOYMENT REASON.

A new machine may read it only from when it was launched, as with the environment.
"""

import json
import sys

from botocore.exceptions import BotoCoreError, ClientError

from user_data import environment


def main(source: str, reason: str) -> None:
    with open(source, encoding="utf-8") as file:
        deployment = json.load(file)
    client = environment.connect(deployment)
    try:
        key = environment.patiently(lambda: environment.read(client, deployment["deploy_key"]))
    except (BotoCoreError, ClientError) as error:
        text = f"The deploy key could not be read from Parameter Store: {error}"
        environment.give_up(reason, "deploy-key-unreadable", text)
    sys.stdout.write(key)


if __name__ == "__main__":
    main(*sys.argv[1:])
