"""Whether people can log in to a cache with IAM, and the commands that repair it. Pure."""
