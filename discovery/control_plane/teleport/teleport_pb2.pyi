import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DatabaseTLSMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERIFY_FULL: _ClassVar[DatabaseTLSMode]
    VERIFY_CA: _ClassVar[DatabaseTLSMode]
    INSECURE: _ClassVar[DatabaseTLSMode]
VERIFY_FULL: DatabaseTLSMode
VERIFY_CA: DatabaseTLSMode
INSECURE: DatabaseTLSMode

class DatabaseV3(_message.Message):
    __slots__ = ("kind", "sub_kind", "version", "metadata", "spec", "status")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUB_KIND_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    sub_kind: str
    version: str
    metadata: Metadata
    spec: DatabaseSpecV3
    status: DatabaseStatusV3
    def __init__(self, kind: _Optional[str] = ..., sub_kind: _Optional[str] = ..., version: _Optional[str] = ..., metadata: _Optional[_Union[Metadata, _Mapping]] = ..., spec: _Optional[_Union[DatabaseSpecV3, _Mapping]] = ..., status: _Optional[_Union[DatabaseStatusV3, _Mapping]] = ...) -> None: ...

class DatabaseV3List(_message.Message):
    __slots__ = ("databases",)
    DATABASES_FIELD_NUMBER: _ClassVar[int]
    databases: _containers.RepeatedCompositeFieldContainer[DatabaseV3]
    def __init__(self, databases: _Optional[_Iterable[_Union[DatabaseV3, _Mapping]]] = ...) -> None: ...

class ResourceHeader(_message.Message):
    __slots__ = ("kind", "sub_kind", "version", "metadata")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUB_KIND_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    kind: str
    sub_kind: str
    version: str
    metadata: Metadata
    def __init__(self, kind: _Optional[str] = ..., sub_kind: _Optional[str] = ..., version: _Optional[str] = ..., metadata: _Optional[_Union[Metadata, _Mapping]] = ...) -> None: ...

class Metadata(_message.Message):
    __slots__ = ("name", "namespace", "description", "labels", "expires", "revision")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    namespace: str
    description: str
    labels: _containers.ScalarMap[str, str]
    expires: _timestamp_pb2.Timestamp
    revision: str
    def __init__(self, name: _Optional[str] = ..., namespace: _Optional[str] = ..., description: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., expires: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revision: _Optional[str] = ...) -> None: ...

class DatabaseSpecV3(_message.Message):
    __slots__ = ("protocol", "uri", "ca_cert", "dynamic_labels", "aws", "tls", "admin_user")
    class DynamicLabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: CommandLabelV2
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[CommandLabelV2, _Mapping]] = ...) -> None: ...
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    CA_CERT_FIELD_NUMBER: _ClassVar[int]
    DYNAMIC_LABELS_FIELD_NUMBER: _ClassVar[int]
    AWS_FIELD_NUMBER: _ClassVar[int]
    TLS_FIELD_NUMBER: _ClassVar[int]
    ADMIN_USER_FIELD_NUMBER: _ClassVar[int]
    protocol: str
    uri: str
    ca_cert: str
    dynamic_labels: _containers.MessageMap[str, CommandLabelV2]
    aws: AWS
    tls: DatabaseTLS
    admin_user: DatabaseAdminUser
    def __init__(self, protocol: _Optional[str] = ..., uri: _Optional[str] = ..., ca_cert: _Optional[str] = ..., dynamic_labels: _Optional[_Mapping[str, CommandLabelV2]] = ..., aws: _Optional[_Union[AWS, _Mapping]] = ..., tls: _Optional[_Union[DatabaseTLS, _Mapping]] = ..., admin_user: _Optional[_Union[DatabaseAdminUser, _Mapping]] = ...) -> None: ...

class CommandLabelV2(_message.Message):
    __slots__ = ("period", "command", "result")
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    period: int
    command: _containers.RepeatedScalarFieldContainer[str]
    result: str
    def __init__(self, period: _Optional[int] = ..., command: _Optional[_Iterable[str]] = ..., result: _Optional[str] = ...) -> None: ...

class DatabaseTLS(_message.Message):
    __slots__ = ("mode", "ca_cert", "server_name", "trust_system_cert_pool")
    MODE_FIELD_NUMBER: _ClassVar[int]
    CA_CERT_FIELD_NUMBER: _ClassVar[int]
    SERVER_NAME_FIELD_NUMBER: _ClassVar[int]
    TRUST_SYSTEM_CERT_POOL_FIELD_NUMBER: _ClassVar[int]
    mode: DatabaseTLSMode
    ca_cert: str
    server_name: str
    trust_system_cert_pool: bool
    def __init__(self, mode: _Optional[_Union[DatabaseTLSMode, str]] = ..., ca_cert: _Optional[str] = ..., server_name: _Optional[str] = ..., trust_system_cert_pool: _Optional[bool] = ...) -> None: ...

class DatabaseAdminUser(_message.Message):
    __slots__ = ("name", "default_database")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_DATABASE_FIELD_NUMBER: _ClassVar[int]
    name: str
    default_database: str
    def __init__(self, name: _Optional[str] = ..., default_database: _Optional[str] = ...) -> None: ...

class AWS(_message.Message):
    __slots__ = ("region", "account_id", "external_id", "assume_role_arn", "session_tags", "elasticache_serverless")
    class SessionTagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REGION_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    ASSUME_ROLE_ARN_FIELD_NUMBER: _ClassVar[int]
    SESSION_TAGS_FIELD_NUMBER: _ClassVar[int]
    ELASTICACHE_SERVERLESS_FIELD_NUMBER: _ClassVar[int]
    region: str
    account_id: str
    external_id: str
    assume_role_arn: str
    session_tags: _containers.ScalarMap[str, str]
    elasticache_serverless: ElastiCacheServerless
    def __init__(self, region: _Optional[str] = ..., account_id: _Optional[str] = ..., external_id: _Optional[str] = ..., assume_role_arn: _Optional[str] = ..., session_tags: _Optional[_Mapping[str, str]] = ..., elasticache_serverless: _Optional[_Union[ElastiCacheServerless, _Mapping]] = ...) -> None: ...

class ElastiCacheServerless(_message.Message):
    __slots__ = ("cache_name",)
    CACHE_NAME_FIELD_NUMBER: _ClassVar[int]
    cache_name: str
    def __init__(self, cache_name: _Optional[str] = ...) -> None: ...

class DatabaseStatusV3(_message.Message):
    __slots__ = ("ca_cert", "aws", "managed_users")
    CA_CERT_FIELD_NUMBER: _ClassVar[int]
    AWS_FIELD_NUMBER: _ClassVar[int]
    MANAGED_USERS_FIELD_NUMBER: _ClassVar[int]
    ca_cert: str
    aws: AWS
    managed_users: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ca_cert: _Optional[str] = ..., aws: _Optional[_Union[AWS, _Mapping]] = ..., managed_users: _Optional[_Iterable[str]] = ...) -> None: ...

class ResourceRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListDatabasesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDatabasesResponse(_message.Message):
    __slots__ = ("databases", "next_page_token")
    DATABASES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    databases: _containers.RepeatedCompositeFieldContainer[DatabaseV3]
    next_page_token: str
    def __init__(self, databases: _Optional[_Iterable[_Union[DatabaseV3, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class PingRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PingResponse(_message.Message):
    __slots__ = ("cluster_name", "server_version", "proxy_public_addr")
    CLUSTER_NAME_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    PROXY_PUBLIC_ADDR_FIELD_NUMBER: _ClassVar[int]
    cluster_name: str
    server_version: str
    proxy_public_addr: str
    def __init__(self, cluster_name: _Optional[str] = ..., server_version: _Optional[str] = ..., proxy_public_addr: _Optional[str] = ...) -> None: ...

class ListResourcesRequest(_message.Message):
    __slots__ = ("resource_type", "namespace", "limit", "start_key")
    RESOURCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    START_KEY_FIELD_NUMBER: _ClassVar[int]
    resource_type: str
    namespace: str
    limit: int
    start_key: str
    def __init__(self, resource_type: _Optional[str] = ..., namespace: _Optional[str] = ..., limit: _Optional[int] = ..., start_key: _Optional[str] = ...) -> None: ...

class ListResourcesResponse(_message.Message):
    __slots__ = ("resources", "next_key", "total_count")
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    NEXT_KEY_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    resources: _containers.RepeatedCompositeFieldContainer[PaginatedResource]
    next_key: str
    total_count: int
    def __init__(self, resources: _Optional[_Iterable[_Union[PaginatedResource, _Mapping]]] = ..., next_key: _Optional[str] = ..., total_count: _Optional[int] = ...) -> None: ...

class PaginatedResource(_message.Message):
    __slots__ = ("database_server", "database_service")
    DATABASE_SERVER_FIELD_NUMBER: _ClassVar[int]
    DATABASE_SERVICE_FIELD_NUMBER: _ClassVar[int]
    database_server: DatabaseServerV3
    database_service: DatabaseServiceV1
    def __init__(self, database_server: _Optional[_Union[DatabaseServerV3, _Mapping]] = ..., database_service: _Optional[_Union[DatabaseServiceV1, _Mapping]] = ...) -> None: ...

class DatabaseServerV3(_message.Message):
    __slots__ = ("kind", "sub_kind", "version", "metadata", "spec", "status")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUB_KIND_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    sub_kind: str
    version: str
    metadata: Metadata
    spec: DatabaseServerSpecV3
    status: DatabaseServerStatusV3
    def __init__(self, kind: _Optional[str] = ..., sub_kind: _Optional[str] = ..., version: _Optional[str] = ..., metadata: _Optional[_Union[Metadata, _Mapping]] = ..., spec: _Optional[_Union[DatabaseServerSpecV3, _Mapping]] = ..., status: _Optional[_Union[DatabaseServerStatusV3, _Mapping]] = ...) -> None: ...

class DatabaseServerSpecV3(_message.Message):
    __slots__ = ("version", "hostname", "host_id", "database")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    HOST_ID_FIELD_NUMBER: _ClassVar[int]
    DATABASE_FIELD_NUMBER: _ClassVar[int]
    version: str
    hostname: str
    host_id: str
    database: DatabaseV3
    def __init__(self, version: _Optional[str] = ..., hostname: _Optional[str] = ..., host_id: _Optional[str] = ..., database: _Optional[_Union[DatabaseV3, _Mapping]] = ...) -> None: ...

class DatabaseServerStatusV3(_message.Message):
    __slots__ = ("target_health",)
    TARGET_HEALTH_FIELD_NUMBER: _ClassVar[int]
    target_health: TargetHealth
    def __init__(self, target_health: _Optional[_Union[TargetHealth, _Mapping]] = ...) -> None: ...

class TargetHealth(_message.Message):
    __slots__ = ("address", "protocol", "status", "message")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    address: str
    protocol: str
    status: str
    message: str
    def __init__(self, address: _Optional[str] = ..., protocol: _Optional[str] = ..., status: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class DatabaseServiceV1(_message.Message):
    __slots__ = ("header", "spec")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    header: ResourceHeader
    spec: DatabaseServiceSpecV1
    def __init__(self, header: _Optional[_Union[ResourceHeader, _Mapping]] = ..., spec: _Optional[_Union[DatabaseServiceSpecV1, _Mapping]] = ...) -> None: ...

class DatabaseServiceSpecV1(_message.Message):
    __slots__ = ("resource_matchers", "hostname")
    RESOURCE_MATCHERS_FIELD_NUMBER: _ClassVar[int]
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    resource_matchers: _containers.RepeatedCompositeFieldContainer[DatabaseResourceMatcher]
    hostname: str
    def __init__(self, resource_matchers: _Optional[_Iterable[_Union[DatabaseResourceMatcher, _Mapping]]] = ..., hostname: _Optional[str] = ...) -> None: ...

class DatabaseResourceMatcher(_message.Message):
    __slots__ = ("labels", "aws")
    LABELS_FIELD_NUMBER: _ClassVar[int]
    AWS_FIELD_NUMBER: _ClassVar[int]
    labels: LabelValues
    aws: ResourceMatcherAWS
    def __init__(self, labels: _Optional[_Union[LabelValues, _Mapping]] = ..., aws: _Optional[_Union[ResourceMatcherAWS, _Mapping]] = ...) -> None: ...

class ResourceMatcherAWS(_message.Message):
    __slots__ = ("assume_role_arn", "external_id")
    ASSUME_ROLE_ARN_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    assume_role_arn: str
    external_id: str
    def __init__(self, assume_role_arn: _Optional[str] = ..., external_id: _Optional[str] = ...) -> None: ...

class LabelValues(_message.Message):
    __slots__ = ("values",)
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: StringValues
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[StringValues, _Mapping]] = ...) -> None: ...
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.MessageMap[str, StringValues]
    def __init__(self, values: _Optional[_Mapping[str, StringValues]] = ...) -> None: ...

class StringValues(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, values: _Optional[_Iterable[str]] = ...) -> None: ...
