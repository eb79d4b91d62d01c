"""What runs: batch workflows, each a DAG of executors."""

from scanflow_actors.workflows.batch import BatchWorkflow, Executor

__all__ = ["BatchWorkflow", "Executor"]
