"""What applying a spec would do to a ModelDeployment."""

from dataclasses import dataclass

from tidegate.api.names import revision_name
from tidegate.api.spec import ModelDeploymentSpec, Step
from tidegate.cli.text import clock
from tidegate.cli.view import entry
from tidegate.judge.text import duration
from tidegate.rollout.capacity import candidate_size
from tidegate.rollout.resource import Resource
from tidegate.rollout.steps import first_size, held_weight, last_weight_step, share_of, step_name


@dataclass(frozen=True)
class Effect:
    """What happens.

    Attributes
    ----------
    starts
        Pods of a new revision come up.
    judged
        It is brought in step by step.
    """

    change: str
    follows: str
    starts: bool = False
    judged: bool = False


def effect_of(live: Resource | None, name: str, spec: ModelDeploymentSpec) -> Effect:
    """Compare what is stored with `spec`, by the planner's rules about which revision comes next."""
    desired = revision_name(name, spec)
    if live is None:
        follows = (
            f"{desired} starts with {pods_text(spec.replicas)} and gets all traffic once ready: nothing to compare with"
        )
        return _unless_suspended(spec, Effect("it is created", follows, starts=True))
    change = _change(live, spec, desired)
    status = live.status
    if status.stable is None:
        if desired == live.desired:
            return Effect(change, "the first revision goes on loading")
        return _unless_suspended(spec, Effect(change, f"{desired} takes the place of {live.desired}", starts=True))
    if status.rollout is not None:
        return _unless_suspended(spec, _during(live, desired, change))
    if desired == status.stable:
        return Effect(change, f"no rollout: {desired} serves already")
    return _unless_suspended(spec, _from_rest(live, desired, change))


def _unless_suspended(spec: ModelDeploymentSpec, effect: Effect) -> Effect:
    if not spec.suspend:
        return effect
    return Effect(effect.change, f"once spec.suspend is false: {effect.follows}", effect.starts, effect.judged)


def _during(live: Resource, desired: str, change: str) -> Effect:
    rollout, stable = live.status.rollout, live.status.stable
    assert rollout is not None
    if rollout.revision == desired:
        return Effect(change, "the rollout under way goes on, by the plan it started with")
    if rollout.phase in ("Promoting", "Withdrawing"):
        follows = f"{rollout.revision} is {rollout.phase.lower()} and ends that first; then {desired} comes in"
        return Effect(change, follows, starts=True, judged=True)
    if desired == stable:
        return Effect(change, f"{rollout.revision} is taken back, not rejected (Reverted); {stable} gets all traffic")
    follows = f"{rollout.revision} is taken back, not rejected (Superseded); then {desired} is brought in"
    return Effect(change, follows, starts=True, judged=True)


def _from_rest(live: Resource, desired: str, change: str) -> Effect:
    status = live.status
    rejected = next((one for one in status.rejected if one.revision == desired), None)
    if rejected is not None:
        again = f"`tidegate retry {live.owner.name} -n {live.owner.namespace}` forgets that"
        follows = f"nothing: {desired} was rejected at {clock(rejected.at)} ({rejected.reason}); {again}"
        return Effect(change, follows)
    kept = entry(status, status.previous)
    if status.previous == desired and kept is not None and kept.ready_replicas > 0:
        return Effect(change, f"all traffic goes back to {desired}, which is still warm: nothing loads or is judged")
    first = f"{status.previous} is removed, then " if status.previous is not None else ""
    return Effect(change, f"{first}{desired} is brought in beside {status.stable}", starts=True, judged=True)


def _change(live: Resource, spec: ModelDeploymentSpec, desired: str) -> str:
    changed = [name for name in type(spec).model_fields if getattr(spec, name) != getattr(live.spec, name)]
    if not changed:
        return "nothing: it is stored so already"
    told = f"spec.{', spec.'.join(changed)}"
    return f"{told}; new revision {desired} in place of {live.desired}" if desired != live.desired else told


def step_lines(spec: ModelDeploymentSpec) -> list[str]:
    """Every step with its time and the pods it takes; the last line is the promotion."""
    plan = spec.rollout
    lines = [f"loading with {pods_text(first_size(plan, spec.replicas))}, no traffic"]
    for index, step in enumerate(plan.steps):
        pods = candidate_size(held_weight(plan, index), spec.replicas)
        lines.append(f"{step_name(plan, index)}, {_length(step)}, {pods_text(pods)}")
    if last_weight_step(plan) is None:
        return [*lines, f"promotion without evidence, {pods_text(spec.replicas)}"]
    analysis = plan.analysis
    lines.append(
        f"judging, {duration(analysis.bake_seconds)} at least and {duration(analysis.max_seconds)} in all at most"
    )
    kept = (
        f"; the old revision is kept for {duration(plan.keep_previous_seconds)}" if plan.keep_previous_seconds else ""
    )
    return [*lines, f"promotion, {pods_text(spec.replicas)}{kept}"]


def _length(step: Step) -> str:
    if step.weight is not None:
        return f"judged for {duration(step.weight.seconds)}"
    if share_of(step) is not None:
        return "as fast as the harm budget allows"
    if step.pause is None:
        return "until it is done"
    return f"for {duration(step.pause.seconds)}" if step.pause.seconds else "until a person resumes"


def pods_text(count: int) -> str:
    return f"{count} pod" + ("" if count == 1 else "s")
