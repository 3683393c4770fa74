"""gRPC without generated code: methods take and give JSON, with the health
service that probes ask."""
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
import orjson
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


def _handler(method: Callable[[dict], dict]) -> grpc.RpcMethodHandler:
    return grpc.unary_unary_rpc_method_handler(
        lambda request, _context: method(request),
        request_deserializer=orjson.loads, response_serializer=orjson.dumps)


def serve(port: int, service: str,
          methods: dict[str, Callable[[dict], dict]]) -> grpc.Server:
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
        service, {name: _handler(method)
                  for name, method in methods.items()}),))
    state = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(state, server)
    for name in ("", service):
        state.set(name, health_pb2.HealthCheckResponse.SERVING)
    server.add_insecure_port(f"[::]:{port}")
    server.start()
    return server
