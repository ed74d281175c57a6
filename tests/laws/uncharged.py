"""A scene whose bills hold nothing that only the power flow knows."""

from dataclasses import replace

from gridagora.scenario.network_keys import NetworkKeys


def charge_nobody(scene):
    """Return a scene in which nobody is charged for losses, which follow from the flow."""
    keys = scene.scenario.model_copy(update={"network": NetworkKeys(losses="none")})
    return replace(scene, scenario=keys)
