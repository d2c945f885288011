"""What keeps the service from starting, apart from what everything else here raises."""


class CannotListen(Exception):
    """Nothing can listen where `service.listen` says. `str()` says where, why and what to do."""
