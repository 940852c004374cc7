"""Each function needs each of its permissions, and may do nothing else."""

from collections.abc import Iterator

import pytest

from checks.permissions import Permission, proven
from tests.permissions.conftest import ALL, to_prove
from tests.permissions.forbidden import FORBIDDEN, Forbidden, attempted
from tests.permissions.proof import Proof, keep, prove
from tests.permissions.world import World

PROOFS: list[Proof] = []


@pytest.fixture(scope="module", autouse=True)
def _kept() -> Iterator[None]:
    yield
    if ALL:
        keep(PROOFS)


@pytest.mark.parametrize("permission", to_prove(), ids=str)
def test_without_it_a_scenario_fails(world: World, permission: Permission) -> None:
    proof = prove(world, permission)

    assert proof.taken != proof.granted, f"nothing fails without {permission}"
    assert permission.action in proof.denied, f"{permission} was not what failed: {proof}"
    assert ALL or proof.row() == proven()[permission.key], (
        "docs/security.md says something else: run `make prove-permissions`"
    )
    PROOFS.append(proof)


@pytest.mark.parametrize("forbidden", FORBIDDEN, ids=str)
def test_it_is_refused(world: World, forbidden: Forbidden) -> None:
    assert attempted(world, forbidden) == {
        function: "AccessDenied" for function in world.stack.description["functions"] if function not in forbidden.but
    }
