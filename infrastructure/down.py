"""./scripts/aws-down: take a portal out of its account, after saying what data goes."""

from dataclasses import dataclass
from typing import Any

from . import databases, events, inventory, settings, sites, stacks
from .aws import AWS, AWSError
from .inventory import Inventory
from .parameters import Parameters
from .stacks import Stack
from .terminal import RefusalError, Terminal


@dataclass
class Down:
    """One run. ``confirmed`` is the prefix, where it was given beforehand."""

    aws: AWS
    parameters: Parameters
    terminal: Terminal
    with_sites: bool = False
    confirmed: str = ""

    def run(self) -> None:
        """Raises RefusalError or AWSError where it ends early; running it again goes on from there."""
        found = inventory.take(self.aws, self.prefix)
        rows = found.rows()
        if len(rows) == 1:
            self.terminal.say(f"\nNothing of {self.prefix} is in this account and region.")
        else:
            self.terminal.say("\nThis goes, for good:")
            self.terminal.table(rows)
            self._require_sites(found)
            self._confirm()
        self._remove(found)
        self._say_what_is_left()

    @property
    def prefix(self) -> str:
        return self.parameters.prefix

    def _require_sites(self, found: Inventory) -> None:
        if found.machines and not self.with_sites:
            raise RefusalError(
                f"\nMachines of sites are still there ({len(found.machines)}), with what people keep there. "
                "Terminate the applications in the portal first, or give --with-sites, which ends them."
            )

    def _confirm(self) -> None:
        if self.confirmed == self.prefix:
            return
        if self.confirmed:
            raise RefusalError(
                f"--confirm says {self.confirmed}, and the file {self.prefix}. Nothing was removed."
            )
        question = f"\nType {self.prefix} to remove all of it:"
        otherwise = f"Give --confirm {self.prefix} to remove all of it without being asked."
        if not self.terminal.ask(question, wanted=self.prefix, otherwise=otherwise):
            raise RefusalError("Nothing was removed.")

    def _remove(self, found: Inventory) -> None:
        """The portal first: while it runs it launches what this ends. What a stack is made from goes last."""
        self._delete_root(found.root)
        sites.end_machines(self.aws, self.terminal, found, prefix=self.prefix)
        sites.release_addresses(self.aws, self.terminal, prefix=self.prefix)
        sites.remove_images(self.aws, self.terminal, found)
        sites.remove_foundations(self.aws, self.terminal, prefix=self.prefix)
        for bucket in found.buckets:
            self._empty(bucket.name)
        self._delete(found.bootstrap)
        for bucket in found.buckets:
            self._remove_bucket(bucket.name)
        settings.delete(self.aws, settings.names(self.aws, self.prefix))

    def _delete_root(self, stack: Stack | None) -> None:
        """What went on in it may have made its database, or kept RDS from changing it."""
        stack = self._at_rest(stack)
        if stack:
            made = databases.of(self.aws, list(stacks.resources(self.aws, stack.id)))
            databases.unprotect(self.aws, self.terminal, made)
        self._delete(stack)

    def _delete(self, stack: Stack | None) -> None:
        """With everything in it that its template does not keep."""
        stack = self._at_rest(stack)
        if stack is None:
            return
        going = stack.status == "DELETE_IN_PROGRESS"
        operation = events.running(self.aws, stack.id) if going else events.coming(self.aws, stack.id)
        if not going:
            stacks.delete(self.aws, stack)
        self.terminal.step(f"deleting the stack {stack.name}")
        events.follow_to_success(operation, self.terminal, f"Deleting the stack {stack.name}")

    def _at_rest(self, stack: Stack | None) -> Stack | None:
        """As it is then: CloudFormation deletes no stack that it is updating."""
        if stack is None or not stack.moving or stack.status == "DELETE_IN_PROGRESS":
            return stack
        self.terminal.step(f"{stack.name} is {stack.status}: following it")
        events.follow(events.running(self.aws, stack.id), self.terminal)
        return stacks.find(self.aws, stack.id)

    def _empty(self, bucket: str) -> None:
        try:
            for part in inventory.versions(self.aws, bucket):
                self._delete_versions(bucket, part)
        except AWSError as error:
            if error.code != "NoSuchBucket":
                raise
        else:
            self.terminal.step(f"bucket {bucket} emptied")

    def _delete_versions(self, bucket: str, part: list[dict[str, str]]) -> None:
        if not part:
            return
        wanted: Any = {"Objects": part, "Quiet": True}
        answer = self.aws.ask(self.aws.s3.delete_objects, Bucket=bucket, Delete=wanted)
        for refused in answer.get("Errors", [])[:1]:
            raise AWSError(refused.get("Code", ""), f"{refused.get('Key')}: {refused.get('Message')}")

    def _remove_bucket(self, bucket: str) -> None:
        """One that its template kept when the stack went."""
        try:
            self.aws.ask(self.aws.s3.delete_bucket, Bucket=bucket)
        except AWSError as error:
            if error.code != "NoSuchBucket":
                raise

    def _say_what_is_left(self) -> None:
        snapshots = databases.snapshots(self.aws, self.prefix)
        databases.say_snapshots(self.aws, self.terminal, snapshots)
        tags = (stacks.TAG, inventory.SITES_TAG)
        left = [arn for tag in tags for arn in inventory.tagged_arns(self.aws, tag, self.prefix)]
        left = [arn for arn in left if arn.rpartition(":")[2] not in snapshots]
        if left:
            self.terminal.say("\nAWS still lists these; of what has just ended it does so for up to an hour:")
            for arn in left:
                self.terminal.say(f"  {arn}")
        else:
            self.terminal.say("\nNothing else of it is left in this region.")
