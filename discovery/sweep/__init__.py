"""One sweep: scan, list, plan, confirm, apply, record."""
