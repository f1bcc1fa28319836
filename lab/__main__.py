"""The command line of the lab: `python -m lab --help`."""

import argparse
import sys
from pathlib import Path

from lab.builds import kubernetes_programs
from lab.deploy import ModelImage, install_operator, provide_models
from lab.errors import LabError
from lab.external import external_kubeconfig, is_external
from lab.images import OPERATOR_IMAGE, import_archive, import_images, import_model, operator_image
from lab.instance import FLAVOURS, Instance
from lab.lifecycle import down, status, up
from lab.models import RECIPES
from lab.namespaces import Namespaces
from lab.progress import Reporter


def main() -> int:
    """Run one command; exit code 1 with one message where it failed."""
    arguments = parser().parse_args()
    try:
        return int(COMMANDS[arguments.command](arguments) or 0)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """Return the command-line parser."""
    top = argparse.ArgumentParser(prog="python -m lab", description="A real Kubernetes on this machine.")
    commands = top.add_subparsers(dest="command", required=True)
    add_instance_options(commands.add_parser("up", help="bring a lab up, or to the state this tree describes"))
    stop = commands.add_parser("down", help="stop a lab and remove all it left; caches stay")
    add_instance_options(stop, default=None, otherwise="every lab there is")
    tell = commands.add_parser("status", help="tell how labs are; exit code 1 unless all asked for run")
    add_instance_options(tell, default=None, otherwise="every lab there is")
    add_instance_options(commands.add_parser("kubeconfig", help="print the path of a lab's kubeconfig"))
    add_image_commands(commands)
    add_trial_commands(commands)
    execute = commands.add_parser("exec", help="run a command inside a lab's namespaces, on its node")
    add_instance_options(execute)
    execute.add_argument("program", nargs=argparse.REMAINDER, metavar="-- COMMAND ...")
    return top


def add_image_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands that bring images into a lab's containerd."""
    load = commands.add_parser("load-image", help="import archives of `docker save` or of the OCI layout")
    add_instance_options(load)
    load.add_argument("archive", nargs="+", type=Path, help="tar file")
    image = commands.add_parser("image", help="build an image and import it")
    kinds = image.add_subparsers(dest="kind", required=True)
    add_instance_options(kinds.add_parser("operator", help=f"this tree's operator as {OPERATOR_IMAGE}"))
    model = kinds.add_parser("model", help="a directory as the root of an image, for an image volume")
    add_instance_options(model)
    model.add_argument("directory", type=Path)
    model.add_argument("reference", help="the image's name, such as localhost/models/filetype:1")


def add_trial_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands that try the operator of this tree in a lab."""
    models = commands.add_parser("models", help="build model directories in build/models and import them as images")
    add_instance_options(models)
    models.add_argument("model", nargs="*", help=f"(default: all) {', '.join(RECIPES)}")
    add_instance_options(commands.add_parser("install", help="install or upgrade this tree's operator by its chart"))
    commands.add_parser("demo", help="upgrade a real model under load, then take back a broken one")


def add_instance_options(
    command: argparse.ArgumentParser, *, default: str | None = "full", otherwise: str = "full"
) -> None:
    """Add the options that name an instance."""
    command.add_argument("--flavour", choices=FLAVOURS, default=default, help=f"(default: {otherwise})")
    command.add_argument("--name", help="the instance, where it is not the usual one of the flavour")


def instance_of(arguments: argparse.Namespace) -> Instance:
    """Return the instance the options name."""
    return Instance(arguments.name or arguments.flavour, arguments.flavour)


def names_of(arguments: argparse.Namespace) -> list[str] | None:
    """Return the names of the instances asked for, None for all."""
    name = arguments.name or arguments.flavour
    return [name] if name else None


def run_up(arguments: argparse.Namespace) -> None:
    """Bring a lab up and tell how to reach it."""
    reporter = Reporter()
    lab = up(arguments.flavour, name=arguments.name, reporter=reporter)
    reporter.line(f"export KUBECONFIG={lab.kubeconfig}")
    if lab.gateway_address:
        reporter.line(f"gateway http://{lab.gateway_address}")


def run_down(arguments: argparse.Namespace) -> None:
    """Stop labs."""
    down(names_of(arguments), reporter=Reporter())


def run_status(arguments: argparse.Namespace) -> int:
    """Print a line per lab."""
    found = status(names_of(arguments))
    for name, state in found.items():
        print(f"{name}: {state}")
    if not found:
        print("no lab is up; `python -m lab up` starts one")
    return int(not found or any(state != "running" for state in found.values()))


def run_kubeconfig(arguments: argparse.Namespace) -> None:
    """Print the path of the kubeconfig."""
    print(external_kubeconfig(arguments.flavour) if is_external() else instance_of(arguments).kubeconfig)


def run_load_image(arguments: argparse.Namespace) -> None:
    """Import image archives."""
    reporter = Reporter()
    programs = kubernetes_programs(Reporter(quiet=True))
    for archive in arguments.archive:
        with reporter.step(f"import {archive}"):
            import_archive(Namespaces(instance_of(arguments)), programs, archive)


def run_image(arguments: argparse.Namespace) -> None:
    """Build and import one image."""
    reporter = Reporter()
    namespaces = Namespaces(instance_of(arguments))
    programs = kubernetes_programs(Reporter(quiet=True))
    if arguments.kind == "operator":
        image = operator_image(reporter)
        with reporter.step(f"import {image.reference}"):
            import_images(namespaces, programs, [image])
    else:
        with reporter.step(f"pack and import {arguments.reference}"):
            image = import_model(namespaces, programs, arguments.directory, arguments.reference)
    reporter.line(f"{image.reference}@{image.digest}")


def run_models(arguments: argparse.Namespace) -> None:
    """Build and import model images."""
    programs = kubernetes_programs(Reporter(quiet=True))
    images = [ModelImage(name) for name in arguments.model or RECIPES]
    provide_models(instance_of(arguments), programs, images, Reporter())


def run_install(arguments: argparse.Namespace) -> None:
    """Install the operator."""
    install_operator(instance_of(arguments), kubernetes_programs(Reporter(quiet=True)), Reporter())


def run_demo(_: argparse.Namespace) -> int:
    """Run the demo."""
    # Only the demo needs the API client, which takes a second to import.
    from lab.demo import demo

    return demo()


def run_exec(arguments: argparse.Namespace) -> None:
    """Run a command inside; this process becomes it."""
    program = arguments.program[1:] if arguments.program[:1] == ["--"] else arguments.program
    Namespaces(instance_of(arguments)).execute(program)


COMMANDS = {
    "up": run_up,
    "down": run_down,
    "status": run_status,
    "kubeconfig": run_kubeconfig,
    "load-image": run_load_image,
    "image": run_image,
    "models": run_models,
    "install": run_install,
    "demo": run_demo,
    "exec": run_exec,
}

if __name__ == "__main__":
    sys.exit(main())
