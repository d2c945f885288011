"""Every service of the simulated AWS; a new one is imported and named here."""

from collections.abc import Mapping

from discovery.sandbox.aws.services import (
    account,
    ec2,
    elasticache,
    elasticache_caches,
    elasticache_groups,
    elasticache_tags,
    elasticache_users,
    organizations,
    s3,
    sqs,
    sqs_messages,
    sts,
    tagging,
)
from discovery.sandbox.aws.services.service import Service

_OPERATIONS = (
    elasticache_caches,
    elasticache_groups,
    elasticache_tags,
    elasticache_users,
    sqs_messages,
)
"""Modules that fill `elasticache.service` and `sqs.service` by being imported."""

SERVICES: Mapping[str, Service] = {
    service.signing_name: service
    for service in (
        account.service,
        ec2.service,
        elasticache.service,
        organizations.service,
        s3.service,
        sqs.service,
        sts.service,
        tagging.service,
    )
}
"""Services by the name in a signature's credential scope."""
