"""Adapters of the control planes that hold registrations: Teleport, or a file."""
