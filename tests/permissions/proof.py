"""The proof's results, which docs/security.md shows: checks/permissions.json."""

import json
from dataclasses import asdict, dataclass

from checks.permissions import RESULTS, Permission, of_the_template, proven
from tests.permissions.scenarios import Named, scenario_of
from tests.permissions.world import World


@dataclass(frozen=True)
class Proof:
    """What a scenario showed with all permissions, and without one."""

    permission: Permission
    scenario: Named
    granted: str
    taken: str
    denied: frozenset[str]

    def row(self) -> dict[str, str]:
        shown = {"scenario": self.scenario.name, "granted": self.granted, "taken": self.taken}
        return {name: asdict(self.permission)[name] for name in ("function", "action", "resource")} | shown


_GRANTED: dict[tuple[str, str, str], str] = {}
"""What was seen with all permissions, by scenario, function and, if the scenario depends on it, permission."""


def prove(world: World, permission: Permission) -> Proof:
    scenario = scenario_of(permission)
    asked = (scenario.name, permission.function, str(permission) if scenario.depends else "")
    granted = _GRANTED.get(asked) or _seen(world, scenario, permission)
    _GRANTED[asked] = granted
    with scenario.run(world, permission) as act, world.without(permission):
        world.forget_denials()
        taken = act()
        denied = frozenset(world.denials(permission.function))
    return Proof(permission, scenario, granted, taken, denied)


def _seen(world: World, scenario: Named, permission: Permission) -> str:
    with scenario.run(world, permission) as act:
        world.forget_denials()
        return act()


def keep(proof: Proof) -> None:
    """Write the result beside those of the template's other permissions."""
    rows = {**proven(), proof.permission.key: proof.row()}
    ordered = [rows[each.key] for each in of_the_template() if each.key in rows]
    RESULTS.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n")
