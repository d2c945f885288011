"""The state file: what the agent remembers between sweeps, and the journal of its writes."""
