"""What runs: batch workflows, each a DAG of executors; online workflows, each a graph of services."""

from scanflow_actors.workflows.batch import BatchWorkflow
from scanflow_actors.workflows.container import Container
from scanflow_actors.workflows.document import from_document, from_yaml, to_document, to_yaml
from scanflow_actors.workflows.executor import Affinity, Executor, Resources, Retries, Secret
from scanflow_actors.workflows.online import OnlineWorkflow
from scanflow_actors.workflows.search import Choice, Found, Score, Search, Span
from scanflow_actors.workflows.service import Kind, ScaleBy, Scaling, Service
from scanflow_actors.workflows.traffic import HeaderRule, Shares, Traffic

__all__ = [
    "Affinity",
    "BatchWorkflow",
    "Choice",
    "Container",
    "Executor",
    "Found",
    "HeaderRule",
    "Kind",
    "OnlineWorkflow",
    "Resources",
    "Retries",
    "ScaleBy",
    "Scaling",
    "Score",
    "Search",
    "Secret",
    "Service",
    "Shares",
    "Span",
    "Traffic",
    "from_document",
    "from_yaml",
    "to_document",
    "to_yaml",
]
