"""How much traffic the ready pods may carry, and how many pods a weight needs."""

WHOLE = 1_000_000
"""All traffic, in parts per million."""

ENTRY = 1
"""The weight through which a slot enters and leaves the route beside a serving one, parts per million."""


def share(ready_candidate: int, ready_stable: int) -> int:
    """Largest candidate weight (parts per million) at which no candidate pod carries more than a stable pod."""
    ready = ready_candidate + ready_stable
    return WHOLE * ready_candidate // ready if ready else 0


def candidate_size(weight: int, stable: int) -> int:
    """Pods needed for `weight` (parts per million) beside `stable` pods: ceil(w s / (1 - w)), at least 1."""
    if weight >= WHOLE:
        raise ValueError(
            f"weight is {weight}, expected less than {WHOLE}: beside stable the candidate never has it all"
        )
    return max(1, -(-weight * stable // (WHOLE - weight)))


def next_weight(present: int, wanted: int, *, in_force: bool) -> int:
    """Weight to write next on the way from `present` to `wanted` (candidate's, parts per million).

    A slot enters and leaves through `ENTRY` and stays there until the gateway has it in force: cutting a slot from
    large straight to 0, or raising it from 0 straight to large, loses requests while the proxy drops or warms the
    slot's cluster. The same holds for stable's slot at the other end.
    """
    if present == wanted:
        return present
    if present in (0, WHOLE):
        return ENTRY if present == 0 else WHOLE - ENTRY
    if present in (ENTRY, WHOLE - ENTRY) and not in_force:
        return present
    if wanted in (0, WHOLE):
        last = ENTRY if wanted == 0 else WHOLE - ENTRY
        return wanted if present == last else last
    return wanted
