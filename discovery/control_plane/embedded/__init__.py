"""A control plane in a local SQLite file."""
