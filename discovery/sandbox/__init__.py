"""Simulated AWS and Teleport on loopback, for `quickstart`, `sandbox` and the tests."""
