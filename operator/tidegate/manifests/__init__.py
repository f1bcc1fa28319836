"""Manifests: pure functions from revisions and weights to Kubernetes objects (plain dicts)."""
