"""The same actors across processes, on Ray; the only room that makes Ray actors."""

from scanflow_actors.cluster.placement import LOCAL, Dedicated, Placement, Pooled
from scanflow_actors.cluster.system import RayActorSystem

__all__ = ["LOCAL", "Dedicated", "Placement", "Pooled", "RayActorSystem"]
