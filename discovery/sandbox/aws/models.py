"""botocore's service models, from which every name on the wire comes."""

from functools import cache

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape

_LOADER = Loader()


@cache
def service_model(name: str) -> ServiceModel:
    """Return the model of a service, by the name that boto3 gives it."""
    return ServiceModel(_LOADER.load_service_model(name, "service-2"), service_name=name)


@cache
def operation_names(service: str) -> frozenset[str]:
    """Return the name of every operation of a service's model."""
    return frozenset(service_model(service).operation_names)


@cache
def operation_model(service: str, operation: str) -> OperationModel:
    """Return the model of one operation, with its shapes resolved once."""
    return service_model(service).operation_model(operation)


def error_shape(service: str, shape: str) -> tuple[str, int]:
    """Return wire code and HTTP status of a modeled error (some codes end in `Fault`)."""
    found: Shape = service_model(service).shape_for(shape)
    error = found.metadata.get("error", {})
    return error.get("code", found.name), error.get("httpStatusCode", 400)
