"""Artifacts in S3, with the credentials of one knowledge base: MLflow itself has one for a whole process."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scanflow_actors.artifacts.settings import read_variable
from scanflow_actors.errors import KnowledgeBaseError

if TYPE_CHECKING:
    from scanflow_actors.artifacts.settings import S3Settings

_GONE = {"NoSuchKey", "NoSuchBucket", "404"}


class S3Files:
    """Puts and gets whole objects. Blocks; may be used from several threads."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings

    def put(self, uri: str, body: bytes) -> None:
        """Store an object at ``s3://bucket/key``.

        Raises:
            KnowledgeBaseError: The server cannot be reached, or refuses.
        """
        self._call("put_object", uri, Body=body)

    def get(self, uri: str) -> bytes:
        """Read an object.

        Raises:
            FileNotFoundError: It is gone.
            KnowledgeBaseError: The server cannot be reached, or refuses.
        """
        body: bytes = self._call("get_object", uri)["Body"].read()
        return body

    def _call(self, operation: str, uri: str, **more: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - in the extra `s3`

        address = urlsplit(uri)
        try:
            return getattr(self._client, operation)(
                Bucket=address.netloc, Key=address.path.lstrip("/"), **more
            )
        except ClientError as error:
            if operation == "get_object" and error.response["Error"]["Code"] in _GONE:
                raise FileNotFoundError(uri) from error
            raise self._refused(uri, error) from error
        except BotoCoreError as error:
            raise self._refused(uri, error) from error

    def _refused(self, uri: str, error: Exception) -> KnowledgeBaseError:
        where = self._settings.endpoint_url or "S3"
        remedy = "check that it runs, that the bucket is there, and the credentials"
        return KnowledgeBaseError(what=f"{uri} ({error})", store=where, remedy=remedy)

    @cached_property
    def _client(self) -> Any:
        from boto3.session import Session  # noqa: PLC0415 - in the extra `s3`, and slow to import
        from botocore.config import Config  # noqa: PLC0415 - as above

        own = self._settings
        names = {"aws_access_key_id": own.key_variable, "aws_secret_access_key": own.secret_variable}
        credentials = {field: read_variable(name) for field, name in names.items() if name is not None}
        config = Config(
            signature_version="s3v4",
            connect_timeout=own.timeout_s,
            read_timeout=own.timeout_s,
            s3={"addressing_style": "path" if own.endpoint_url else "auto"},
            request_checksum_calculation="when_required",  # other servers than Amazon's know no trailers
        )
        session = Session(region_name=own.region, **credentials)  # a session of ours: boto3's own is global
        return session.client("s3", endpoint_url=own.endpoint_url, config=config)
