"""Each function needs each of its permissions, and may do nothing else."""

import pytest

from checks.permissions import Permission, proven
from tests.permissions.conftest import WRITES, to_prove
from tests.permissions.forbidden import FORBIDDEN, Forbidden, attempted
from tests.permissions.proof import keep, prove
from tests.permissions.world import World


@pytest.mark.parametrize("permission", to_prove(), ids=str)
def test_without_it_a_scenario_fails(world: World, permission: Permission) -> None:
    proof = prove(world, permission)

    assert proof.taken != proof.granted, f"nothing fails without {permission}"
    assert permission.action in proof.denied, f"{permission} was not what failed: {proof}"
    if WRITES:
        keep(proof)
    assert proof.row() == proven().get(permission.key, proof.row()), (
        "docs/security.md is out of date: run `make prove-permissions`"
    )


@pytest.mark.parametrize("forbidden", FORBIDDEN, ids=str)
def test_it_is_refused(world: World, forbidden: Forbidden) -> None:
    assert attempted(world, forbidden) == {
        function: "AccessDenied" for function in world.stack.description["functions"] if function not in forbidden.but
    }
