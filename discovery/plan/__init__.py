"""The planner: from scans, registrations and state to one plan. Pure."""
