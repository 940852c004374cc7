"""Where Powertools Idempotency keeps its records: in the one table, beside everything else."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyItemNotFoundError
from botocore.exceptions import BotoCoreError, ClientError

from aws import clients
from aws.table import EXPIRY, KEY, TableError


class IdempotencyTable(DynamoDBPersistenceLayer):
    """Powertools' own layer, which can also forget a finished execution."""

    def completed(self, data: Mapping[str, Any]) -> str | None:
        """The JSON of what a finished execution returned, if there is one. Raises TableError, and Powertools' own
        IdempotencyValidationError."""
        try:
            record = self.get_record(dict(data))
        except IdempotencyItemNotFoundError:
            return None
        except ClientError as error:
            raise TableError(error.response["Error"]["Code"]) from error
        except BotoCoreError as error:
            raise TableError(type(error).__name__) from error
        return record.response_data if record is not None and record.status == "COMPLETED" else None

    def forget(self, data: Mapping[str, Any]) -> None:
        """Makes room for a new execution after one that finished. Raises TableError."""
        self._delete(data, "COMPLETED")

    def release(self, data: Mapping[str, Any]) -> None:
        """Makes room for a new execution after one that could not note its outcome. Raises TableError."""
        self._delete(data, "INPROGRESS")

    def _delete(self, data: Mapping[str, Any], status: str) -> None:
        try:
            self.client.delete_item(
                TableName=self.table_name,
                Key=self._get_key(str(self._get_hashed_idempotency_key(dict(data)))),
                ConditionExpression="#status = :status",
                ExpressionAttributeNames={"#status": self.status_attr},
                ExpressionAttributeValues={":status": {"S": status}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise TableError(error.response["Error"]["Code"]) from error
        except BotoCoreError as error:
            raise TableError(type(error).__name__) from error


def idempotency_table(name: str) -> IdempotencyTable:
    """A new layer on the table of that name. Powertools configures each once, for records of one lifetime."""
    return IdempotencyTable(table_name=name, key_attr=KEY, expiry_attr=EXPIRY, boto3_client=clients.dynamodb())
