"""What to build where and when: a mixed-integer programme, solved to a stated gap."""

from gigawatt.planning.plan import plan

__all__ = ["plan"]
