"""A Teleport cluster as control plane, by the gRPC API of its Auth Service."""
