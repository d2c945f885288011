"""Plans for changing the owner of a registration: adopt and release. Pure."""
