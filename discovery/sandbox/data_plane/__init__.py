"""The simulated AWS's caches as clients find them: TLS, the Redis protocol, and IAM logins."""
