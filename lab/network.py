"""The link between the host and a lab's node, and the host's routes to its pods and Services."""

from pathlib import Path

from lab.instance import Instance
from lab.namespaces import Namespaces
from lab.shell import run

NODE_LINK = "eth0"


def create(instance: Instance, namespaces: Namespaces) -> None:
    """Link the node's network to the host and route pods and Services there.

    Programs on the host then reach pods and Services by their own addresses.
    """
    peer = ["type", "veth", "peer", "name", NODE_LINK, "netns", str(namespaces.holder)]
    run(["ip", "link", "add", instance.link, *peer])
    run(["ip", "address", "add", f"{instance.host_address}/24", "dev", instance.link])
    run(["ip", "link", "set", instance.link, "up"])
    inside = (
        ["link", "set", "lo", "up"],
        ["address", "add", f"{instance.address}/24", "dev", NODE_LINK],
        ["link", "set", NODE_LINK, "up"],
        ["route", "add", "default", "via", instance.host_address],
    )
    for arguments in inside:
        namespaces.run(["ip", *arguments])
    namespaces.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
    for network in (instance.pods, instance.services):
        run(["ip", "route", "add", str(network), "via", instance.address, "dev", instance.link])


def remove(instance: Instance) -> None:
    """Remove the host's link where it outlived the node's network; its address and routes go with it."""
    if (Path("/sys/class/net") / instance.link).exists():
        run(["ip", "link", "delete", instance.link])
