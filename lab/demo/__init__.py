"""The demo: a real classifier is upgraded under load, then a broken release of it is brought in and taken back."""

from lab.demo.run import demo

__all__ = ["demo"]
