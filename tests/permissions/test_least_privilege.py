"""Each function needs each of its permissions, and may do nothing else."""

import pytest

from checks.permissions import Permission
from tests.permissions.conftest import ALL, to_prove
from tests.permissions.forbidden import FORBIDDEN, Forbidden, attempted
from tests.permissions.proof import Proof, keep, kept, prove
from tests.permissions.world import World

PROOFS: list[Proof] = []


@pytest.mark.parametrize("permission", to_prove(), ids=str)
def test_without_it_a_scenario_fails(world: World, permission: Permission) -> None:
    proof = prove(world, permission)

    assert proof.taken != proof.granted, f"nothing fails without {permission}"
    assert permission.action in proof.denied, f"{permission} was not what failed: {proof}"
    assert ALL or proof.row() in kept(), "docs/security.md says something else: run `make prove-permissions`"
    PROOFS.append(proof)


@pytest.mark.parametrize("forbidden", FORBIDDEN, ids=str)
def test_it_is_refused(world: World, forbidden: Forbidden) -> None:
    assert attempted(world, forbidden) == {
        function: "AccessDenied" for function in world.stack.description["functions"] if function not in forbidden.but
    }


@pytest.mark.skipif(not ALL, reason="`make prove-permissions` writes the table")
def test_the_proof_is_kept() -> None:
    assert len(PROOFS) == len(to_prove()), "not every permission was proven"
    keep(PROOFS)
