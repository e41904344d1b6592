"""HEALTH: four layers of an agent and of the fleet, computed from the state and the alerts that stand."""

from fleawatch.flow.health.agents import agent_health
from fleawatch.flow.health.fleets import fleet_health
from fleawatch.flow.health.layers import LAYERS, Health, Layer, LayerName, Reason, Status

__all__ = ["LAYERS", "Health", "Layer", "LayerName", "Reason", "Status", "agent_health", "fleet_health"]
