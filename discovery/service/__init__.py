"""The long-running service: schedule, re-scans after events, health, metrics, reload."""
