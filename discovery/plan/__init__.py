"""The planner: from scans, registrations and memory to one plan. Pure."""
