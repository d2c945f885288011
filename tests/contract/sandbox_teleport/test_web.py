"""The Proxy's web side, and the control endpoints beside it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from grpclib.const import Status
from grpclib.exceptions import StreamTerminatedError

from discovery.sandbox.teleport.faults import FIND, WEB_PING, Effect, Fault
from discovery.sandbox.teleport.identity import Identity
from tests.support.protobuf_messages import message
from tests.support.teleport_client import CLUSTER, OURS, Simulation, database, tls


@pytest.mark.parametrize(
    "path", ["/webapi/find", "/v1/webapi/find", "/webapi/ping", "/v1/webapi/ping"]
)
async def test_what_the_proxy_says_of_itself(simulation: Simulation, path: str) -> None:
    answer = await (await simulation.web()).get(path)
    said = answer.json()
    assert (answer.status_code, said["cluster_name"], said["server_version"]) == (
        200,
        CLUSTER,
        "18.4.0",
    )
    assert said["proxy"]["tls_routing_enabled"] is True
    assert said["proxy"]["ssh"]["public_addr"] == simulation.at.proxy
    [call] = simulation.teleport.calls
    assert (call.port, call.method, call.outcome) == ("web", path, "200")


async def test_a_proxy_without_tls_routing(simulation: Simulation) -> None:
    simulation.cluster.behaviour.tls_routing = False
    said = (await (await simulation.web()).get("/webapi/find")).json()
    assert said["proxy"]["tls_routing_enabled"] is False
    assert said["proxy"]["ssh"]["web_listen_addr"] == simulation.at.proxy


async def test_other_pages(simulation: Simulation) -> None:
    web = await simulation.web()
    assert (await web.get("/webapi/nonsense")).status_code == 404
    assert (await web.post("/webapi/find")).status_code == 405
    assert "error" in (await web.get("/")).json()


async def test_the_web_does_not_trust_blindly(simulation: Simulation) -> None:
    async with httpx.AsyncClient(base_url=simulation.at.web, trust_env=False) as stranger:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await stranger.get("/webapi/find")


@pytest.mark.parametrize(
    ("effect", "status"),
    [(Effect.UNAVAILABLE, 503), (Effect.EXHAUSTED, 429), (Effect.ERROR, 500)],
)
@pytest.mark.parametrize(("method", "path"), [(FIND, "find"), (WEB_PING, "ping")])
async def test_pages_that_fail(
    simulation: Simulation, effect: Effect, status: int, method: str, path: str
) -> None:
    simulation.teleport.faults.add(Fault(effect=effect, method=method, times=1))
    web = await simulation.web()
    answer = await web.get(f"/webapi/{path}")
    assert answer.status_code == status
    assert answer.json() == {"error": {"message": "injected by a test"}}
    assert (await web.get(f"/webapi/{path}")).status_code == 200


async def test_pages_that_are_broken(simulation: Simulation) -> None:
    web = await simulation.web()
    simulation.teleport.faults.add(Fault(effect=Effect.GARBAGE, method=FIND, times=1))
    assert (await web.get("/webapi/find")).headers["content-type"].startswith("text/html")
    simulation.teleport.faults.add(Fault(effect=Effect.EMPTY, method=FIND, times=1))
    assert (await web.get("/webapi/find")).json() == {}
    simulation.teleport.faults.add(Fault(effect=Effect.DROP, method=FIND, times=1))
    with pytest.raises(httpx.TransportError):
        await web.get("/webapi/find")
    simulation.teleport.faults.add(Fault(effect=Effect.SLOW, method=FIND, times=1, delay_s=60))
    with pytest.raises(httpx.ReadTimeout):
        await web.get("/webapi/find", timeout=0.2)


async def test_faults_of_auth_are_not_those_of_the_web(simulation: Simulation) -> None:
    simulation.teleport.faults.add(Fault(effect=Effect.UNAVAILABLE))
    assert (await (await simulation.web()).get("/webapi/find")).status_code == 200
    assert (await simulation.caller().refused("Ping"))[0] is Status.UNAVAILABLE


async def post(simulation: Simulation, path: str, content: Any, status: int = 200) -> Any:
    answer = await (await simulation.web()).post(f"/_sandbox/{path}", json=content)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_faults_come_and_go_by_http(simulation: Simulation) -> None:
    web, caller = await simulation.web(), simulation.caller()
    fault = {
        "effect": "meanwhile",
        "method": "GetDatabase",
        "after": True,
        "deed": {"take_over": {"by": "terraform"}},
    }
    added = await post(simulation, "faults", fault)
    [listed] = (await web.get("/_sandbox/faults")).json()["faults"]
    assert (listed["id"], listed["effect"]) == (added["id"], "meanwhile")
    simulation.cluster.place({"metadata": {"name": "orders", "labels": OURS}})
    await caller.get("orders")
    assert await caller.names() == []
    assert (await web.delete(f"/_sandbox/faults/{added['id']}")).json() == {"removed": True}
    assert (await web.delete(f"/_sandbox/faults/{added['id']}")).json() == {"removed": False}
    await post(simulation, "faults", {"effect": "unavailable"})
    assert (await web.delete("/_sandbox/faults")).json() == {}
    await caller.call("Ping")


@pytest.mark.parametrize("name", ["*", "proxy"])
@pytest.mark.parametrize(
    "effect", [{"effect": "drop"}, {"effect": "slow", "delay_s": 60}], ids=["drop", "slow"]
)
async def test_who_makes_the_port_refuse_connections_still_gets_in_to_mend_it(
    simulation: Simulation, effect: dict[str, Any], name: str
) -> None:
    added = await post(simulation, "faults", {"method": "connect", "name": name, **effect})
    with pytest.raises(httpx.TransportError):
        await (await simulation.web()).get("/webapi/find", timeout=0.5)
    with pytest.raises((OSError, TimeoutError, StreamTerminatedError)):
        await asyncio.wait_for(simulation.caller().call("Ping"), 0.5)
    person = await simulation.web()
    removed = await person.delete(f"/_sandbox/faults/{added['id']}")
    assert removed.json() == {"removed": True}
    assert (await person.get("/webapi/find")).status_code == 200
    await simulation.caller().call("Ping")


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        ("faults", {"effect": "nonsense"}, "nonsense"),
        ("faults", {"efect": "slow"}, "unknown: efect"),
        ("faults", {}, "effect"),
        ("faults", [], "not a JSON object"),
        ("faults", {"effect": "meanwhile", "deed": {"dance": {}}}, "dance"),
        ("faults", {"effect": "meanwhile", "deed": {"copy": {}}}, "to"),
        ("deeds", {}, "one key"),
        ("deeds", {"place": {"document": {"spec": 1}}}, "DatabaseV3"),
        ("roles", {"kind": "user"}, "no role"),
        ("identities", {"user": "x"}, "roles"),
        ("identities", {"user": "x", "roles": ["ghost"]}, "ghost"),
        ("identities", {"user": "x", "roles": [], "lifetime_s": "long"}, "lifetime_s"),
        ("rotation", {"phase": "sideways"}, "begin, finish, whole"),
        ("habits", {"page_size": "many"}, "page_size"),
        ("habits", {"auth_names": []}, "auth_names"),
        ("clock", {}, "advance_s"),
        ("clock", {"advance_s": "soon"}, "number of seconds"),
        ("locks", {"users": "bot"}, "a list"),
        ("clock", {"skew": 1}, "advance_s"),
    ],
)
async def test_orders_that_make_no_sense(
    simulation: Simulation, path: str, content: Any, words: str
) -> None:
    assert words in (await post(simulation, path, content, status=400))["error"]
    assert list(simulation.teleport.faults) == []
    assert simulation.cluster.databases == {}


async def test_changes_roles_and_identities_by_http(simulation: Simulation) -> None:
    document = {
        "metadata": {"name": "orders", "labels": OURS},
        "spec": {"protocol": "redis", "uri": "h:1"},
    }
    await post(simulation, "deeds", {"place": {"document": document}})
    await post(simulation, "deeds", {"edit": {"name": "orders", "labels": {"env": "dev"}}})
    role = {
        "kind": "role",
        "metadata": {"name": "dev"},
        "spec": {
            "allow": {
                "db_labels": {"env": "dev"},
                "rules": [{"resources": ["db"], "verbs": ["list", "read"]}],
            }
        },
    }
    await post(simulation, "roles", role)
    issued = await post(
        simulation, "identities", {"user": "bob", "roles": ["dev"], "lifetime_s": 60}
    )
    identity = Identity("bob", ("dev",), simulation.bot.expires_at, issued["identity"])
    caller = simulation.caller(context=tls(identity))
    assert await caller.names() == ["orders"]
    assert (await caller.refused("DeleteDatabase", message((1, "orders"))))[
        0
    ] is Status.PERMISSION_DENIED


async def test_rotation_disconnection_habits_and_clock_by_http(simulation: Simulation) -> None:
    before = simulation.cluster.host_ca.newest
    await post(simulation, "rotation", {"phase": "begin"})
    assert simulation.cluster.host_ca.trusted[0] is before
    await post(simulation, "rotation", {"phase": "finish"})
    assert simulation.cluster.host_ca.newest is not before
    await post(simulation, "disconnect", {})
    await post(simulation, "habits", {"page_size": 3, "behind_load_balancer": False})
    assert simulation.cluster.behaviour.page_size == 3
    await post(simulation, "clock", {"lag_s": 60})
    caller = simulation.caller(simulation.cluster.issue("x", "cachemuster"))
    await caller.create("orders")
    assert await caller.names() == []
    await post(simulation, "clock", {"advance_s": 60})
    assert await caller.names() == ["orders"]
    assert simulation.cluster.store.lag == timedelta(seconds=60)
    await post(simulation, "clock", {"lag_s": 0, "step_s": 0.5})
    assert simulation.cluster.store.step == timedelta(seconds=0.5)
    await post(simulation, "locks", {"users": ["x"]})
    assert (await caller.refused("ListDatabases"))[1] == "access denied"
    await post(simulation, "locks", {"users": []})
    assert await caller.names() == ["orders"]


async def test_state_and_calls_by_http(simulation: Simulation) -> None:
    web = await simulation.web()
    await simulation.caller().call("CreateDatabase", database("orders"))
    state = (await web.get("/_sandbox/state")).json()
    assert (state["cluster"], state["visible"]) == (CLUSTER, ["orders"])
    assert state["databases"]["orders"]["spec"]["aws"]["account_id"] == "111122223333"
    seen = (await web.get("/_sandbox/calls")).json()
    assert (seen["calls"][0]["method"], seen["calls"][0]["user"]) == (
        "CreateDatabase",
        "bot-cachemuster",
    )
    assert {shake["led_to"] for shake in seen["handshakes"]} == {"auth", "web"}
    assert "PRIVATE KEY" not in str([state, seen])
    assert (await web.delete("/_sandbox/calls")).json() == {}
    assert len(simulation.teleport.calls) == 0


async def test_a_web_page_cannot_reach_the_control_endpoints(simulation: Simulation) -> None:
    web = await simulation.web()
    answer = await web.post("/_sandbox/faults", content='{"effect": "drop"}')
    assert answer.status_code == 415
    assert list(simulation.teleport.faults) == []
    answer = await web.get("/_sandbox/nonsense")
    assert answer.status_code == 404
    assert "POST /_sandbox/deeds" in answer.json()["error"]
