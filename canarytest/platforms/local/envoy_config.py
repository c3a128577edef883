"""Envoy's configuration as plain data: what never changes, and the two things that do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from canarytest.core.reach import Version
from canarytest.platforms.local.loopback import HOST

VERSION_HEADER = "x-canarytest-version"  # added to each response: who made it
VIA_HEADER = "x-canary"  # "always": the canary alone; "never": the stable version alone
ORDER_HEADER = "x-canarytest-order"  # "ask": the router itself answers with the order in force
FULL = 10000  # the weight of all traffic: shares are exact to a hundredth of a percent
ROUTES_FILE = "routes.json"

# Longer than a test should wait, shorter than a step: a canary that hangs becomes a failure.
_ANSWER_WITHIN = "30s"
_CONNECT_WITHIN = "1s"
# Servers close idle connections after 5 s (uvicorn, Node.js) or more. A request sent at that very
# moment would fail, and the version be blamed for it.
_IDLE_UPSTREAM = "2s"
_ENDLESS = 1_000_000
_TYPES = "type.googleapis.com/envoy."


def endpoints_file(version: Version) -> str:
    """Return the name of the file with the ports of *version*: Envoy takes one cluster a file."""
    return f"{version}.json"


def bootstrap(folder: Path, edge_port: int) -> dict[str, Any]:
    """Return what Envoy starts with; *folder* holds the files that it watches."""
    return {
        "node": {"id": "canarytest", "cluster": "canarytest"},
        "admin": {"address": _address(0)},  # Envoy says which in the file it is told to
        "static_resources": {
            "listeners": [_listener(folder, edge_port)],
            "clusters": [
                # Users' requests and ours are counted apart, hence two clusters for each version.
                _cluster(folder, name, version)
                for version in Version
                for name in (version.value, _direct(version))
            ],
        },
    }


def routes(order: int, canary_weight: int) -> dict[str, Any]:
    """Return the routes that give *canary_weight* of `FULL` to the canary."""
    weights = {Version.CANARY: canary_weight, Version.STABLE: FULL - canary_weight}
    config = {
        "@type": f"{_TYPES}config.route.v3.RouteConfiguration",
        "name": "edge",
        "virtual_hosts": [
            {
                "name": "edge",
                "domains": ["*"],
                "routes": [
                    {
                        "match": _match(ORDER_HEADER, "ask"),
                        "direct_response": {
                            "status": 200,
                            "body": {"inline_string": json.dumps([order, canary_weight])},
                        },
                    },
                    _direct_route(Version.CANARY, "always"),
                    _direct_route(Version.STABLE, "never"),
                    {
                        "match": {"prefix": "/"},
                        "route": {
                            "timeout": _ANSWER_WITHIN,
                            "weighted_clusters": {
                                "clusters": [
                                    {"name": version, "weight": weight, **_signed(version)}
                                    for version, weight in weights.items()
                                ]
                            },
                        },
                    },
                ],
            }
        ],
    }
    return {"version_info": str(order), "resources": [config]}


def endpoints(version: Version, port: int | None) -> dict[str, Any]:
    """Return where *version* listens; None: nowhere yet, requests to it fail."""
    endpoint = {"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}
    config = {
        "@type": f"{_TYPES}config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": version,
        "endpoints": [] if port is None else [endpoint],
    }
    return {"version_info": str(port), "resources": [config]}


def write(path: Path, config: Mapping[str, Any]) -> None:
    """Put *config* at *path* by renaming: Envoy takes it at that moment, and never half of it."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(config))
    new.replace(path)


def _listener(folder: Path, port: int) -> dict[str, Any]:
    manager = {
        "@type": f"{_TYPES}extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": "edge",
        "server_header_transformation": "PASS_THROUGH",
        "rds": {"route_config_name": "edge", "config_source": _file(folder, ROUTES_FILE)},
        "http_filters": [
            {
                "name": "router",
                "typed_config": {
                    "@type": f"{_TYPES}extensions.filters.http.router.v3.Router",
                    "suppress_envoy_headers": True,
                },
            }
        ],
    }
    return {
        "name": "edge",
        "address": _address(port),
        "enable_reuse_port": False,  # else two routers could share a port without a complaint
        "filter_chains": [{"filters": [{"name": "edge", "typed_config": manager}]}],
    }


def _cluster(folder: Path, name: str, version: Version) -> dict[str, Any]:
    protocol = "extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {
            "service_name": version,
            "eds_config": _file(folder, endpoints_file(version)),
        },
        "connect_timeout": _CONNECT_WITHIN,
        "circuit_breakers": {
            "thresholds": [
                # Envoy's own limits would fail requests that the version never saw.
                dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), _ENDLESS)
            ]
        },
        "typed_extension_protocol_options": {
            f"envoy.{protocol}": {
                "@type": f"{_TYPES}{protocol}",
                "common_http_protocol_options": {"idle_timeout": _IDLE_UPSTREAM},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }


def _direct_route(version: Version, via: str) -> dict[str, Any]:
    route = {"cluster": _direct(version), "timeout": _ANSWER_WITHIN}
    return {"match": _match(VIA_HEADER, via), "route": route, **_signed(version)}


def _direct(version: Version) -> str:
    return f"{version}-direct"


def _match(header: str, value: str) -> dict[str, Any]:
    return {"prefix": "/", "headers": [{"name": header, "string_match": {"exact": value}}]}


def _signed(version: Version) -> dict[str, Any]:
    header = {"key": VERSION_HEADER, "value": version}
    return {
        "response_headers_to_add": [
            {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        ]
    }


def _file(folder: Path, name: str) -> dict[str, Any]:
    source = {"path": str(folder / name), "watched_directory": {"path": str(folder)}}
    return {"resource_api_version": "V3", "path_config_source": source}


def _address(port: int | None) -> dict[str, Any]:
    return {"socket_address": {"address": HOST, "port_value": port}}
