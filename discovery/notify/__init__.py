"""Tell people what sweeps of the service did and found, by webhook."""
