"""Gateways: what is particular to each kind of gateway, as data."""

from tidegate.gateways.profiles import ENVOY_GATEWAY, GatewayProfile, Histogram
from tidegate.gateways.reading import edge_for, slot_series

__all__ = ["ENVOY_GATEWAY", "GatewayProfile", "Histogram", "edge_for", "slot_series"]
