"""The configuration: its sections, how it is read and checked, and the rules made from it."""
