"""A simulated AWS: STS, ElastiCache, tagging, SQS, Organizations, account, parts of EC2."""
