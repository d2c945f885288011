"""A simulated Teleport: gRPC of the Auth Service, port and web answers of the Proxy."""
