"""What runs: batch workflows, each a DAG of executors."""

from scanflow_actors.workflows.batch import BatchWorkflow
from scanflow_actors.workflows.executor import Affinity, Executor, Resources, Retries, Secret

__all__ = ["Affinity", "BatchWorkflow", "Executor", "Resources", "Retries", "Secret"]
