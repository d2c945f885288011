"""The AWS edge: reads accounts, caches, users and tags; SDK errors end here."""
