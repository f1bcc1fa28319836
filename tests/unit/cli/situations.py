"""Worlds in which a ModelDeployment stands in one way or another, each brought there by the planner."""

from tests.unit.rollout.world import World, serving, spec_of
from tidegate.api.names import Verb
from tidegate.api.status import Held
from tidegate.judge.counts import Uncountable
from tidegate.rollout.observation import Pod


def nothing_yet() -> World:
    return World()


def first_revision_loads() -> World:
    world = World()
    world.ready_limit[world.revision()] = 0
    world.settle()
    return world


def first_revision_cannot_load() -> World:
    world = first_revision_loads()
    revision = world.revision()
    exited = Pod(
        name="p", revision=revision, restarts=3, exit_code=1, exit_reason="Error", last_words="no config.pbtxt"
    )
    world.pods[revision] = (exited,)
    world.settle()
    return world


def next_revision(world: World, limit: int | None = None, **rollout: object) -> World:
    """A second revision is asked for; at most `limit` of its pods become ready."""
    candidate = world.apply(spec_of("2", **rollout))
    if limit is not None:
        world.ready_limit[candidate] = limit
    world.settle()
    return world


def loading() -> World:
    return next_revision(serving(), limit=0)


def stepping() -> World:
    world = next_revision(serving())
    candidate = world.revision()
    world.run_until(lambda world: world.weight_of(candidate) == 50_000 and world.status.rollout.evidence)
    return world


def judged_at_the_last_weight() -> World:
    world = next_revision(serving())
    world.traffic.rate = 5.0
    world.run_until(lambda world: world.status.rollout.step == 3)
    world.pass_time(20)
    return world


def without_metrics(seconds: int) -> World:
    world = stepping()
    world.metrics_trouble = Uncountable("MetricsUnavailable", "Refused: nobody listens")
    world.pass_time(seconds)
    return world


def at_a_pause(**pause: int) -> World:
    steps = [{"weight": {"percent": 5, "seconds": 10}}, {"pause": pause}, {"weight": {"percent": 50, "seconds": 10}}]
    world = next_revision(serving(), steps=steps)
    world.run_until(lambda world: world.status.rollout.paused)
    return world


def asked(verb: Verb, world: World) -> World:
    """Somebody asks for that about the revision the spec has."""
    world.annotate(verb, f"{world.revision()}/anna")
    world.settle()
    return world


def paused_by_a_person() -> World:
    return asked("pause", stepping())


def inconclusive() -> World:
    world = serving()
    world.traffic.rate = 1.0
    next_revision(world, analysis={"maxSeconds": 60, "promotion": "NonInferior"})
    world.run_until(lambda world: world.status.rollout.inconclusive)
    return world


def suspended() -> World:
    world = stepping()
    world.apply(world.spec.model_copy(update={"suspend": True}))
    world.settle()
    return world


def promoting() -> World:
    world = stepping()
    world.ready_limit[world.revision()] = 1
    return asked("promote", world)


def withdrawing() -> World:
    return asked("abort", stepping())


def rolled_back() -> World:
    world = withdrawing()
    world.run_until(lambda world: world.status.rollout is None)
    return world


def just_promoted() -> World:
    world = next_revision(serving())
    second = world.revision()
    world.run_until(lambda world: world.status.stable == second)
    return world


def no_room(seconds: int) -> World:
    world = next_revision(serving(), limit=0, capacity={"waitSeconds": 60})
    world.no_room_for(world.revision())
    world.pass_time(seconds)
    return world


def name_taken() -> World:
    world = serving()
    world.names_taken = ("Service filetype-a",)
    world.settle()
    return world


def adopted() -> World:
    world = next_revision(serving(), limit=0)
    world.run_until(lambda world: world.status.rollout is not None)
    world.status.rollout, world.status.candidate = None, None
    world.status.held = Held(generation=world.generation, reason="Adopted", message="the status had been lost")
    world.settle()
    return world


def stable_gone() -> World:
    world = stepping()
    world.ready_limit[world.status.stable or ""] = 0
    world.settle()
    return world


def route_refused() -> World:
    world = serving()
    world.gateway_accepts = False
    world.settle()
    return world


def not_supported() -> World:
    world = next_revision(serving())
    world.gateway_trouble = "the Gateway is run by 'example.com/controller'; known: Envoy Gateway"
    world.pass_time(60)
    return world
