"""Matchers: which caches the configuration takes. Pure."""
