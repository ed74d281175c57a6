"""Ray, an extra, with the sentence that stands for it where it is not installed."""

try:
    import ray
    from ray import exceptions
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ImportError as missing:
    raise ImportError(
        "cases on Ray need Ray, which is not installed: pip install 'gridagora[cluster]'"
    ) from missing

__all__ = ["NodeAffinitySchedulingStrategy", "exceptions", "ray"]
