"""Gateways: what is particular to each kind of gateway, as data."""

from tidegate.gateways.profiles import ENVOY_GATEWAY, GatewayProfile

__all__ = ["ENVOY_GATEWAY", "GatewayProfile"]
