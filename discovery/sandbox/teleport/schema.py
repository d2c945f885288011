"""The protobuf messages as this server knows them: numbers, types and JSON names.

Written down from Teleport's own definitions (teleport/README: Messages), apart from the adapter's
own definitions, so that a number wrong there does not agree with itself here. Message names never
travel; methods do.

A line is a field: number, type, JSON name. `T!` is always sent, even when empty, as Teleport's Go
types do (teleport/README: Messages); `T*` is repeated; `{T}` maps texts to T; `opaque` is a message
whose inside the server knows and this page does not: it is kept as it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MESSAGES: Final[Mapping[str, str]] = {
    "Empty": "",
    "Metadata": """
        1 string name
        2 string namespace
        3 string description
        5 {string} labels
        6 Timestamp expires
        8 string revision
    """,
    "ResourceHeader": """
        1 string kind
        2 string sub_kind
        3 string version
        4 Metadata! metadata
    """,
    "DatabaseV3": """
        1 string kind
        2 string sub_kind
        3 string version
        4 Metadata! metadata
        5 DatabaseSpecV3! spec
        6 DatabaseStatusV3! status
    """,
    "DatabaseV3List": "1 DatabaseV3* databases",
    "DatabaseSpecV3": """
        1 string protocol
        2 string uri
        3 string ca_cert
        4 {CommandLabelV2} dynamic_labels
        5 AWS! aws
        6 opaque! gcp
        7 opaque! azure
        8 DatabaseTLS! tls
        9 opaque! ad
        10 opaque! mysql
        11 DatabaseAdminUser admin_user
        12 opaque! mongo_atlas
        13 opaque! oracle
    """,
    "DatabaseStatusV3": """
        1 string ca_cert
        2 AWS! aws
        3 opaque! mysql
        4 string* managed_users
        5 opaque! azure
    """,
    "DatabaseTLS": """
        1 int32 mode
        2 string ca_cert
        3 string server_name
        4 bool trust_system_cert_pool
    """,
    "DatabaseAdminUser": """
        1 string name
        2 string default_database
    """,
    "CommandLabelV2": """
        1 int64 period
        2 string* command
        3 string result
    """,
    "AWS": """
        1 string region
        2 opaque! redshift
        3 opaque! rds
        4 string account_id
        5 opaque! elasticache
        6 opaque! secret_store
        7 opaque! memorydb
        8 opaque! rdsproxy
        9 opaque! redshift_serverless
        10 string external_id
        11 string assume_role_arn
        12 opaque! opensearch
        14 int32 iam_policy_status
        15 {string} session_tags
        16 opaque! docdb
        17 ElastiCacheServerless! elasticache_serverless
    """,
    "ElastiCacheServerless": "1 string cache_name",
    "ResourceRequest": "1 string name",
    "ListDatabasesRequest": """
        1 int32 page_size
        2 string page_token
    """,
    "ListDatabasesResponse": """
        1 DatabaseV3* databases
        2 string next_page_token
    """,
    "PingRequest": "",
    "PingResponse": """
        1 string cluster_name
        2 string server_version
        3 opaque! server_features
        4 string proxy_public_addr
        5 bool is_boring
        7 string remote_addr
        8 bool load_all_cas
        9 int32 signature_algorithm_suite
    """,
    "GetDomainNameResponse": "1 string domain_name",
    "GetClusterCACertResponse": "1 bytes tls_ca",
    "ListResourcesRequest": """
        1 string resource_type
        2 string namespace
        3 int32 limit
        4 string start_key
        5 {string} labels
        6 string predicate_expression
        7 string* search_keywords
        8 opaque sort_by
        9 bool need_total_count
        10 opaque windows_desktop_filter
        11 bool use_search_as_roles
        12 bool use_preview_as_roles
        13 bool include_logins
    """,
    "ListResourcesResponse": """
        1 PaginatedResource* resources
        2 string next_key
        3 int32 total_count
    """,
    "PaginatedResource": """
        1 DatabaseServerV3 database_server
        9 DatabaseServiceV1 database_service
        13 string* logins
        14 bool requires_request
    """,
    "DatabaseServerV3": """
        1 string kind
        2 string sub_kind
        3 string version
        4 Metadata! metadata
        5 DatabaseServerSpecV3! spec
        6 DatabaseServerStatusV3! status
    """,
    "DatabaseServerSpecV3": """
        6 string version
        7 string hostname
        8 string host_id
        10 opaque! rotation
        12 DatabaseV3 database
        13 string* proxy_ids
    """,
    "DatabaseServerStatusV3": "14 TargetHealth target_health",
    "TargetHealth": """
        1 string address
        2 string protocol
        3 string status
        4 Timestamp transition_timestamp
        5 string transition_reason
        6 string transition_error
        7 string message
    """,
    "DatabaseServiceV1": """
        1 ResourceHeader! header
        2 DatabaseServiceSpecV1! spec
    """,
    "DatabaseServiceSpecV1": """
        1 DatabaseResourceMatcher* resource_matchers
        2 string hostname
    """,
    "DatabaseResourceMatcher": """
        1 LabelValues labels
        2 ResourceMatcherAWS! aws
    """,
    "ResourceMatcherAWS": """
        1 string assume_role_arn
        2 string external_id
    """,
    "LabelValues": "1 {StringValues} values",
    "StringValues": "1 string* values",
}
