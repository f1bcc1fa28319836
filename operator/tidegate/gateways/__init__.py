"""Gateways: what is particular to each kind of gateway, as data."""

from tidegate.gateways.profiles import ENVOY_GATEWAY, GatewayProfile, Histogram
from tidegate.gateways.reading import edge_for, slot_series
from tidegate.gateways.registry import Gateways
from tidegate.gateways.template import check_template

__all__ = [
    "ENVOY_GATEWAY",
    "GatewayProfile",
    "Gateways",
    "Histogram",
    "check_template",
    "edge_for",
    "slot_series",
]
