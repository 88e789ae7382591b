import contextlib
import signal
from argparse import ArgumentParser
from collections.abc import Iterator
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ....aws import ssm
from ....aws.errors import AWSError
from ....aws.session import AWS, connect
from ... import golden_images


class Command(BaseCommand):
    help = "Make the image that instances start from, on a builder machine that is ended in any case."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--if-missing",
            action="store_true",
            help="do nothing when AWS has an image that the present script made",
        )
        parser.add_argument(
            "--instance-type",
            default=settings.INSTANCE_TYPES[0],
            help="of the builder (default: %(default)s)",
        )

    def handle(self, *args: Any, if_missing: bool, instance_type: str, **options: Any) -> None:
        aws = connect(settings.AWS_REGION, settings.AWS_ENDPOINT_URL)
        try:
            with _interruptible():
                self._build(aws, if_missing=if_missing, instance_type=instance_type)
        except golden_images.BuildError as error:
            if error.log:
                self.stderr.write(error.log)
            raise CommandError(f"No image was made: {error}") from None
        except AWSError as error:
            raise CommandError(f"No image was made: {error.operator}") from None
        except KeyboardInterrupt:
            raise CommandError("Interrupted; no builder is left.", returncode=130) from None

    def _build(self, aws: AWS, *, if_missing: bool, instance_type: str) -> None:
        recipe = golden_images.recipe(
            base_ami_id=ssm.public_parameter(aws, settings.BASE_AMI_PARAMETER), instance_type=instance_type
        )
        if if_missing:
            present = golden_images.find_usable(aws, script_sha256=recipe.script_sha256)
            if present is not None:
                self.stdout.write(f"Golden image {present.ami_id} is there.")
                return
        clock = golden_images.Clock(say=self._say)
        image = golden_images.build(aws, recipe, clock)
        clock.report("done")
        self.stdout.write(
            self.style.SUCCESS(f"Golden image {image.ami_id} is what new instances start from.")
        )

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """``kill`` and a closed terminal end the builder as Ctrl-C does; a second signal does not stop that."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
