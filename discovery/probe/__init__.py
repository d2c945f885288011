"""Prove by a login that a person can get in to a cache, or find the step that fails."""
