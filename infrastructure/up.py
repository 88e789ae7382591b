"""./scripts/aws-up: make the account's stacks, or update them, from one parameters file."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from . import change_sets, checks, databases, events, prices, settings, stacks
from .aws import AWS, AWSError
from .change_sets import ChangeSet, Template
from .parameters import Parameters
from .portal_commands import portal
from .stacks import Stack
from .templates import Templates
from .terminal import RefusalError, Terminal


@dataclass
class Up:
    """One run. ``yes`` answers every question; ``changed`` says whether the run has changed anything."""

    aws: AWS
    parameters: Parameters
    terminal: Terminal
    yes: bool = False
    templates: Templates = field(default_factory=Templates)
    changed: bool = False

    def run(self) -> None:
        """Raises RefusalError or AWSError where it ends early; running it again goes on from there."""
        prefix = self.parameters.prefix
        checks.require(self.aws, self.parameters)
        bootstrap, root = (self._settle(name) for name in (f"{prefix}-bootstrap", prefix))
        if bootstrap is None or root is None:
            self._ask_first()
        if root:
            settings.require_secrets(self.aws, prefix)
        self._note(settings.ensure_secrets(self.aws, prefix), "made")
        bucket = self._make_bucket(bootstrap)
        uploaded = self.templates.upload(self.aws, bucket)
        if uploaded:
            self.terminal.step(f"{uploaded} templates put into {bucket}")
        self._make_root(root, bucket)
        made = self._configure()
        self._bring_to_machines(made, new=root is None)
        self._farewell()

    def _settle(self, name: str) -> Stack | None:
        """The stack as it may be worked on: what runs is followed, what came to nothing is removed."""
        stack = stacks.find(self.aws, name)
        if stack and stack.moving and not stack.stuck(self.aws.region):
            self.terminal.step(f"{name} is {stack.status}: following it")
            going = events.running(self.aws, stack.id)
            events.follow_to_success(going, self.terminal, f"What went on in the stack {name}")
            stack = stacks.find(self.aws, name)
        if stack and (advice := stack.stuck(self.aws.region)):
            raise RefusalError(f"The stack {name} is {stack.status}. {advice}")
        if stack and stack.status in {stacks.EMPTY, stacks.UNDONE_IN_PART}:
            self._remove_first_try(stack)
            stack = None
        return stack if stack and stack.exists else None

    def _remove_first_try(self, stack: Stack) -> None:
        """It never was complete, and so nobody has kept anything in it."""
        self.terminal.step(f"{stack.name} is {stack.status}, the rest of a first try: deleting it")
        before = databases.snapshots(self.aws, self.parameters.prefix)
        found = databases.of(self.aws, list(stacks.resources(self.aws, stack.id)))
        databases.unprotect(self.aws, self.terminal, found)
        operation = events.coming(self.aws, stack.id)
        stacks.delete(self.aws, stack)
        events.follow_to_success(operation, self.terminal, f"Deleting the stack {stack.name}")
        left = [name for name in databases.snapshots(self.aws, self.parameters.prefix) if name not in before]
        databases.say_snapshots(self.aws, self.terminal, left)

    def _ask_first(self) -> None:
        """Before the change set can be shown the bucket, the image and what the image needs must be there."""
        self.terminal.say("\nThis makes a portal in this account. It would cost about")
        self._show_cost()
        self.terminal.say(
            "\nFirst come what costs next to nothing: secrets in Parameter Store, a bucket, what "
            "ensure_infrastructure makes,\nand the golden image, on a machine that runs for ten minutes. "
            "Then the change set is shown, and you are asked again."
        )
        self._confirm("Prepare it? [y/N]", refused="Nothing was changed.")

    def _make_bucket(self, stack: Stack | None) -> str:
        name = f"{self.parameters.prefix}-bootstrap"
        template = Template(text=self.templates.text("bootstrap.yaml"))
        made = self._bring(name, stack, template, {"Prefix": self.parameters.prefix}, ask=stack is not None)
        return made.outputs["Bucket"]

    def _make_root(self, stack: Stack | None, bucket: str) -> None:
        url = self.templates.url(self.aws, bucket)
        parameters = {
            **self.parameters.for_root(),
            **settings.secret_versions(self.aws, self.parameters.prefix),
            "TemplatesUrl": url,
            "Bucket": bucket,
            "ImageId": self._make_image(),
        }
        if stack and stack.settled and parameters.items() <= stack.parameters.items():
            # Where the templates lie is named by what they hold: the same address, the same templates.
            self.terminal.step(f"{stack.name}: nothing to change")
            return
        self._bring(self.parameters.prefix, stack, Template(url=f"{url}/root.yaml"), parameters, ask=True)

    def _make_image(self) -> str:
        self.terminal.step("what sites' machines and the golden image need")
        own = settings.machine_settings(self.aws, self.parameters.prefix)
        with portal(self.terminal, {**own, **settings.plain_settings(self.parameters)}) as commands:
            commands.ensure_infrastructure()
            return commands.golden_image()

    def _bring(
        self, name: str, stack: Stack | None, template: Template, parameters: Mapping[str, str], *, ask: bool
    ) -> Stack:
        """The stack as this template and these parameters have it."""
        request = change_sets.arguments(
            name, template, parameters, prefix=self.parameters.prefix, new=stack is None
        )
        self.terminal.step(f"{name}: asking CloudFormation what would change")
        proposed = change_sets.propose(self.aws, self.terminal, request, stack=stack)
        if proposed is None:
            self.terminal.step(f"{name}: nothing to change")
        else:
            self._carry_out(name, stack, proposed, ask=ask)
        return self._standing(name)

    def _standing(self, name: str) -> Stack:
        made = stacks.find(self.aws, name)
        if made is None:
            raise RefusalError(f"The stack {name} has gone while this ran. Run it again.")
        return made

    def _carry_out(self, name: str, stack: Stack | None, proposed: ChangeSet, *, ask: bool) -> None:
        if ask:
            self.terminal.say()
            self.terminal.table(change_sets.rows(proposed.changes))
            self.terminal.say()
            self._show_cost()
            try:
                self._confirm(
                    "\nCarry it out? [y/N]",
                    refused=f"{name} stays as it was. What came before, such as secrets, bucket and image, "
                    "stays for the next run.",
                )
            except (RefusalError, KeyboardInterrupt):
                change_sets.discard(self.aws, proposed, stack=stack)
                raise
        operation = events.coming(self.aws, proposed.stack_id)
        change_sets.execute(self.aws, proposed)
        self.changed = True
        what = f"{'Updating' if stack else 'Making'} the stack {name}"
        events.follow_to_success(operation, self.terminal, what)

    def _configure(self) -> Stack:
        """The portal's settings, which are read at its start: so what changed takes a deployment."""
        root = self._standing(self.parameters.prefix)
        outputs = stacks.outputs(self.aws, root)
        missing = [
            name
            for name in ("DatabaseHost", "DatabasePort", "RedisHost", "RedisPort", "StaticBucket")
            if not outputs.get(name)
        ]
        if missing:
            raise RefusalError(f"The stacks do not say their {', '.join(missing)}.")
        wanted = settings.portal_settings(self.aws, self.parameters, outputs)
        self._note(settings.write(self.aws, self.parameters.prefix, wanted), "set")
        return root

    def _bring_to_machines(self, root: Stack, *, new: bool) -> None:
        """Noted after it was asked for: what an earlier run changed, and did not deploy, is due now."""
        prefix = self.parameters.prefix
        wanted = settings.digest(self.aws, prefix, root.parameters)
        if settings.deployed(self.aws, prefix) == wanted:
            return
        self.changed = True
        self._deploy(new=new)
        settings.note_deployed(self.aws, prefix, wanted)

    def _deploy(self, *, new: bool) -> None:
        """A new pipeline starts by itself, and comes to the machines long after the settings are there."""
        pipeline = f"{self.parameters.prefix}-portal"
        if new:
            self.terminal.step(f"pipeline {pipeline} has started: it builds, tests and deploys the portal")
            return
        try:
            self.aws.ask(self.aws.codepipeline.start_pipeline_execution, name=pipeline)
        except AWSError as error:
            raise RefusalError(
                f"Everything stands, but the pipeline {pipeline} did not start. {error}\n"
                "Run this again, or start it yourself:\n"
                f"  aws codepipeline start-pipeline-execution --name {pipeline} --region {self.aws.region}"
            ) from None
        self.terminal.step(f"pipeline {pipeline} started: it builds, tests and deploys the portal")

    def _note(self, names: list[str], done: str) -> None:
        for name in names:
            self.terminal.step(f"{name} {done}")
        self.changed = self.changed or bool(names)

    def _confirm(self, question: str, *, refused: str) -> None:
        if self.yes:
            return
        otherwise = "Give --yes to do it without being asked."
        if not self.terminal.ask(question, wanted="y", otherwise=otherwise):
            raise RefusalError(refused)

    def _show_cost(self) -> None:
        self.terminal.table(prices.rows(prices.estimate(self.parameters, self.templates)))
        self.terminal.say(
            f"  List prices of {prices.LISTED:%B %Y}, without tax, traffic, logs, builds and sites."
        )
        if elsewhere := prices.elsewhere(self.parameters, self.templates):
            self.terminal.say(f"  {elsewhere}")

    def _farewell(self) -> None:
        parameters = self.parameters
        if not self.changed:
            self.terminal.say("\nNothing to do: everything is as the file says.")
        code = f"/{parameters.prefix}/{settings.FIRST_CODE}"
        self.terminal.say(
            f"\n  Portal    https://{parameters.domain}\n"
            f"  Pipeline  https://{parameters.region}.console.aws.amazon.com/codesuite/codepipeline/pipelines\n\n"
            f"Until somebody has signed in: once the pipeline has deployed, open\n"
            f"  https://{parameters.domain}/accounts/first/\n"
            "choose a name and a password, and give the code that this prints:\n"
            f"  aws ssm get-parameter --region {parameters.region} --with-decryption "
            f"--query Parameter.Value --output text --name {code}"
        )
