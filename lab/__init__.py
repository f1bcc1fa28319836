"""A real Kubernetes on one machine, made from package registries only.

`up`, `down` and `status` bring a lab to the state this tree describes; `python -m lab` is the command line of the same.
"""

from lab.lifecycle import Lab, control_plane_kubeconfig, down, status, up

__all__ = ["Lab", "control_plane_kubeconfig", "down", "status", "up"]
