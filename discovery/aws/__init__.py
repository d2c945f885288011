"""The AWS edge: reads accounts, caches, users and tags; SDK errors end here."""

from discovery.aws import sdk_imports as sdk_imports
